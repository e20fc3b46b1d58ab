// The processes of the gateway's benchmark: workerd with a Worker, the upstream, the load.

import { fork } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Miniflare } from 'miniflare';
import { inRoot } from '../../scripts/lib/program.mjs';
import { cleanEnvironment } from '../../scripts/lib/runtimes.mjs';
import { workerModules } from '../../scripts/lib/worker_bundle.mjs';
import { built } from '../lib/build.mjs';
import { cpuMsOf, ownWorkerd } from '../lib/cpu.mjs';
import { compatibilityDate } from '../lib/workerd.mjs';

/** Where KV and Durable Objects are kept: in memory where that can be, for what a disk needs to sync is not the gateway's. */
const STATE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/**
 * A Worker in a workerd of its own, with fresh stores on disk. The gateway is the bundle that is deployed, without the rate limit.
 *
 * @param {{ system: 'relay-edge' | 'baseline', mode: 'pass-through' | 'managed', upstream: string }} options
 */
export async function startSystem({ system, mode, upstream }) {
  const state = mkdtempSync(path.join(STATE, 'relay-edge-bench-'));
  const forget = () => rmSync(state, { recursive: true, force: true });
  process.once('exit', forget);
  const token = crypto.randomBytes(32).toString('base64url');
  const apiKey = 'persona_production_bench';
  const secrets = { PERSONA_API_KEY: apiKey, GATEWAY_TOKENS: `bench:${token}`, STORE_KEYS: `k1:${crypto.randomBytes(32).toString('base64')}` };
  const gateway = {
    modules: workerModules(),
    modulesRoot: inRoot('build/worker'),
    durableObjects: Object.fromEntries([['LEDGER', 'RelayLedger'], ['LIMITS', 'CallerLimits'], ['ISSUER_KEYS', 'IssuerKeys']].map(([binding, className]) => [binding, { className, useSQLite: true }])),
    kvNamespaces: ['RELAYS'],
  };
  const baseline = { modules: [{ type: 'ESModule', path: 'baseline.mjs', contents: readFileSync(inRoot(built.baseline), 'utf8') }] };
  const miniflare = new Miniflare({
    name: system,
    ...(system === 'relay-edge' ? gateway : baseline),
    compatibilityDate,
    bindings: { PERSONA_BASE_URL: upstream, ...(mode === 'managed' && secrets) },
    host: '127.0.0.1',
    port: 0,
    cf: false,
    defaultPersistRoot: state,
    // Without miniflare's own Worker in front of it.
    unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
    // A line per request: read, as whatever collects logs would, and dropped.
    handleRuntimeStdio: (stdout, stderr) => [stdout, stderr].forEach((stream) => stream.resume()),
  });
  await miniflare.ready;
  const url = (await miniflare.unsafeGetDirectURL(system)).href;
  const pid = ownWorkerd();
  return {
    url,
    credentials: { apiKey: { authorization: `Bearer ${apiKey}` }, bearer: { authorization: `Bearer ${token}` } },
    /** Milliseconds of CPU that workerd has used. */
    cpuMs: () => cpuMsOf(pid),
    /** Its resident memory in bytes. */
    memory: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024,
    async close() {
      await miniflare.dispose();
      process.off('exit', forget);
      forget();
    },
  };
}

/** The upstream of bench/gateway/upstream.mjs. */
export async function startUpstream() {
  const { ask, first, close } = await child('bench/gateway/upstream.mjs');
  return {
    url: first.url,
    /** @param {[number, number]} delayMs how long an answer takes at least, by chance */
    setDelay: (delayMs) => ask({ delayMs }),
    /** The calls since the last report: see `Spans`. */
    report: () => ask({ report: true }),
    close,
  };
}

/** The load of bench/gateway/load.mjs. */
export async function startLoad() {
  const { ask, close } = await child('bench/gateway/load.mjs');
  return {
    async run(order) {
      const done = await ask(order);
      if (done.error !== undefined) throw new Error(done.error);
      return done;
    },
    close,
  };
}

async function child(file) {
  const started = fork(inRoot(file), { env: cleanEnvironment(), serialization: 'advanced' });
  const ended = new Promise((_, reject) => started.once('exit', (code, signal) => reject(new Error(`${file} ended (${signal ?? code})`))));
  ended.catch(() => undefined);
  const heard = async () => (await Promise.race([once(started, 'message'), ended]))[0];
  const first = await heard();
  const ask = (message) => {
    const answer = heard();
    started.send(message);
    return answer;
  };
  return { ask, first, close: () => void started.kill('SIGKILL') };
}
