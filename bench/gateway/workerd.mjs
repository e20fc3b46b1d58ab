// workerd by itself, without miniflare, whose KV is a Worker in JavaScript on the same thread as the Worker that is measured.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cleanEnvironment } from '../../scripts/lib/runtimes.mjs';
import { compatibilityDate } from '../lib/workerd.mjs';

/**
 * @typedef {object} WorkerOptions
 * @property {{ type: 'ESModule' | 'CompiledWasm', path: string, contents: string | Buffer }[]} modules the main one first; they go by
 *   the last part of `path`
 * @property {Record<string, string>} texts variables and secrets by binding
 * @property {Record<string, string>} objects classes of Durable Objects with SQLite, by binding
 * @property {string} kv the binding of the KV namespace
 */

/** Where Durable Objects are kept: in memory where that can be, for what a disk needs to sync is not the gateway's. */
const STATE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

/**
 * A Worker in a workerd of its own, with fresh Durable Objects on disk. What it prints is read, as whatever collects logs would, and dropped.
 *
 * @param {WorkerOptions & { kvAddress: string }} options `kvAddress`: `HOST:PORT` that keeps the entries of KV
 * @returns {Promise<{ url: string, pid: number, close: () => Promise<void> }>} `url` ends with a slash
 */
export async function startWorkerd(options) {
  const folder = mkdtempSync(path.join(STATE, 'relay-edge-bench-'));
  mkdirSync(path.join(folder, OBJECTS));
  for (const module of options.modules) writeFileSync(path.join(folder, path.basename(module.path)), module.contents);
  const config = path.join(folder, 'config.capnp');
  writeFileSync(config, configOf(options));
  const workerd = spawn(binary(), ['serve', '--control-fd=3', config], { cwd: folder, env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
  const forget = () => {
    workerd.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 }); // it may still be writing
  };
  process.once('exit', forget);
  workerd.stdout.resume();
  let said = '';
  workerd.stderr.setEncoding('utf8').on('data', (text) => (said = `${said}${text}`.slice(-2000)));
  const ended = once(workerd, 'close');
  const died = ended.then(([code, signal]) => {
    throw new Error(`workerd ended (${signal ?? code}): ${said}`);
  });
  died.catch(() => undefined);
  const port = await Promise.race([portOf(workerd.stdio[3]), died]);
  return {
    url: `http://127.0.0.1:${port}/`,
    pid: workerd.pid,
    async close() {
      workerd.kill('SIGKILL');
      await ended;
      process.off('exit', forget);
      forget();
    },
  };
}

/** Their place in the folder. */
const OBJECTS = 'objects';

/** The one that miniflare, which the project depends on, would start. */
function binary() {
  const require = createRequire(import.meta.url);
  return createRequire(require.resolve('miniflare'))('workerd').default;
}

/** The control messages are lines of JSON: one of them says which port the socket has. @param {import('node:stream').Readable} control */
function portOf(control) {
  return new Promise((resolve) => {
    let text = '';
    control.setEncoding('utf8').on('data', (piece) => {
      text += piece;
      for (const line of text.split('\n').slice(0, -1)) {
        const { event, socket, port } = JSON.parse(line);
        if (event === 'listen' && socket === 'http') resolve(port);
      }
      text = text.slice(text.lastIndexOf('\n') + 1);
    });
  });
}

/**
 * The configuration in Cap'n Proto: workerd's `workerd.capnp` says what there is.
 *
 * @param {WorkerOptions & { kvAddress: string }} options
 */
function configOf({ modules, texts, objects, kv, kvAddress }) {
  const classes = Object.values(objects);
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    (name = "kv", external = (address = ${quoted(kvAddress)}, http = ())),
    (name = "state", disk = (path = ${quoted(OBJECTS)}, writable = true)),
    (name = "internet", network = (allow = ["public", "private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = ${list(modules.map(({ type, path: file }) => `name = ${quoted(path.basename(file))}, ${KINDS[type]} = embed ${quoted(path.basename(file))}`))},
  compatibilityDate = ${quoted(compatibilityDate)},
  bindings = ${list([
    `name = ${quoted(kv)}, kvNamespace = "kv"`,
    ...Object.entries(objects).map(([binding, name]) => `name = ${quoted(binding)}, durableObjectNamespace = ${quoted(name)}`),
    ...Object.entries(texts).map(([binding, text]) => `name = ${quoted(binding)}, text = ${quoted(text)}`),
  ])},
  durableObjectNamespaces = ${list(classes.map((name) => `className = ${quoted(name)}, uniqueKey = ${quoted(name)}, enableSql = true`))},
  durableObjectStorage = (localDisk = "state"),
  globalOutbound = "internet",
);
`;
}

const KINDS = { ESModule: 'esModule', CompiledWasm: 'wasm' };

const list = (items) => `[${items.map((item) => `\n    (${item}),`).join('')}\n  ]`;

/** A string of Cap'n Proto. @param {string} text ASCII */
const quoted = (text) => JSON.stringify(text);
