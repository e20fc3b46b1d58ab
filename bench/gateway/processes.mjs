// The processes of the gateway's benchmark: workerd with a Worker and its KV, the upstream, the load.

import { fork } from 'node:child_process';
import crypto from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { inRoot } from '../../scripts/lib/program.mjs';
import { cleanEnvironment } from '../../scripts/lib/runtimes.mjs';
import { workerModules } from '../../scripts/lib/worker_bundle.mjs';
import { built } from '../lib/build.mjs';
import { cpuMsOf } from '../lib/cpu.mjs';
import { startWorkerd } from './workerd.mjs';

/** The systems as workerd runs them. `shared` is the bare Worker with 64 objects, and not one for each relay. */
const SYSTEMS = {
  'relay-edge': () => ({ modules: workerModules(), objects: { LEDGER: 'RelayLedger', LIMITS: 'CallerLimits', ISSUER_KEYS: 'IssuerKeys' } }),
  bare: () => ({ modules: [bundled(built.bare)], objects: { OBJECTS: 'BareObject' } }),
  shared: () => ({ modules: [bundled(built.bare)], objects: { OBJECTS: 'BareObject' } }),
  baseline: () => ({ modules: [bundled(built.baseline)], objects: {} }),
};

/**
 * A Worker in a workerd of its own, with fresh Durable Objects on disk, and a fresh KV in a process of its own. The gateway is the
 * bundle that is deployed, without the rate limit.
 *
 * @param {{ system: 'relay-edge' | 'bare' | 'shared' | 'baseline', mode: 'pass-through' | 'managed', upstream: string }} options
 */
export async function startSystem({ system, mode, upstream }) {
  const kv = await child('bench/gateway/kv.mjs');
  const token = crypto.randomBytes(32).toString('base64url');
  const apiKey = 'persona_production_bench';
  const secrets = {
    'relay-edge': { PERSONA_API_KEY: apiKey, GATEWAY_TOKENS: `bench:${token}`, STORE_KEYS: `k1:${crypto.randomBytes(32).toString('base64')}` },
    bare: { MANAGED: 'yes' },
    shared: { MANAGED: 'yes', OBJECTS_IN_ALL: '64' },
  };
  const texts = { PERSONA_BASE_URL: upstream, ...(mode === 'managed' && secrets[system]) };
  const workerd = await startWorkerd({ ...SYSTEMS[system](), texts, kv: 'RELAYS', kvAddress: kv.first.address });
  return {
    url: workerd.url,
    credentials: { apiKey: { authorization: `Bearer ${apiKey}` }, bearer: { authorization: `Bearer ${token}` } },
    /** The calls of KV since the last report: see `Spans`. Whose they were is not told. */
    kvReport: () => kv.ask({ report: true }),
    /** Milliseconds of CPU that workerd has used. */
    cpuMs: () => cpuMsOf(workerd.pid),
    /** Its resident memory in bytes. */
    memory: () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${workerd.pid}/status`, 'utf8'))[1]) * 1024,
    async close() {
      await workerd.close();
      kv.close();
    },
  };
}

const bundled = (file) => ({ type: 'ESModule', path: file, contents: readFileSync(inRoot(file), 'utf8') });

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
