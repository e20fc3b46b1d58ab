// `npm run serve`: the gateway in a runtime of choice, as it is deployed there, in front of Persona or another upstream.

import './lib/node_version.mjs';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { build } from './build.mjs';
import { readArgs, readPort } from './lib/args.mjs';
import { bindingsFrom, checkUpstream, FROM_ENVIRONMENT } from './lib/bindings.mjs';
import { EXAMPLES, spawnExample } from './lib/example.mjs';
import { isProgram, Problem, progress, root, runProgram } from './lib/program.mjs';

const DEFAULT_PORT = 8787;
const RUNTIMES = [...Object.keys(EXAMPLES), 'workerd'];

const HELP = `npm run serve -- --runtime ${RUNTIMES.join('|')} [--port N] [--upstream URL]

Builds what is out of date and serves the gateway until Ctrl-C: in ${Object.keys(EXAMPLES).join(', ')} from examples/gateway/, in workerd as the Worker.
It is in managed mode when the environment has PERSONA_API_KEY, GATEWAY_TOKENS and STORE_KEYS, else in pass-through mode.

  --runtime NAME   where it runs; the version is the one in tools/runtimes/package.json
  --port N         its port on 127.0.0.1 (default: ${DEFAULT_PORT}; 0 means any free one)
  --upstream URL   in front of this, instead of Persona or PERSONA_BASE_URL
  --help           this text

Read from the environment: ${FROM_ENVIRONMENT.join(', ')}.
Its state is kept in .state/, or in the folder that RELAY_EDGE_STATE names.
`;

const OPTIONS = {
  runtime: { type: 'string' },
  port: { type: 'string' },
  upstream: { type: 'string' },
  help: { type: 'boolean' },
};

async function main(argv) {
  const { values } = readArgs(argv, OPTIONS, { command: 'npm run serve' });
  if (values.help) return void process.stdout.write(HELP);
  const { runtime, upstream } = values;
  if (!RUNTIMES.includes(runtime)) {
    const found = runtime === undefined ? 'and it is missing' : `not \`${runtime}\``;
    throw new Problem(`--runtime takes one of ${RUNTIMES.join(', ')}, ${found}.`, { exitCode: 2 });
  }
  const port = values.port === undefined ? DEFAULT_PORT : readPort(values.port);
  if (upstream !== undefined) checkUpstream(upstream);

  await build();
  const state = path.resolve(root, process.env.RELAY_EDGE_STATE ?? '.state');
  mkdirSync(state, { recursive: true });
  const bindings = bindingsFrom(process.env, upstream);
  return runtime === 'workerd' ? inWorkerd({ port, state, bindings }) : inProcess(runtime, { port, state, bindings });
}

async function inWorkerd({ port, state, bindings }) {
  const { serveUntilInterrupted } = await import('./lib/gateway.mjs');
  await serveUntilInterrupted({ port, state, bindings, log: progress });
}

/** @returns {Promise<number>} the exit code of the process, which says by itself when it is ready */
function inProcess(runtime, { port, state, bindings }) {
  const child = spawnExample(runtime, {
    env: { ...bindings, DATABASE: path.join(state, 'relay-edge.db'), HOST: '127.0.0.1', PORT: String(port) },
    stdio: 'inherit',
    // Ctrl-C reaches it through us only, and so once.
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill('SIGTERM'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

if (isProgram(import.meta.url)) await runProgram(main);
