// `npm start`: the gateway in workerd with the simulator behind it, and one relay carried through all steps.
// `npm start -- --upstream URL`: the gateway alone, in front of another upstream.

import './lib/node_version.mjs';
import path from 'node:path';
import { build } from './build.mjs';
import { readArgs, readPort } from './lib/args.mjs';
import { bindingsFrom, checkUpstream } from './lib/bindings.mjs';
import { inRoot, isProgram, Problem, progress, root, runProgram } from './lib/program.mjs';
import { localSecrets } from './lib/secrets.mjs';
import { walkThrough } from './lib/walk_through.mjs';

const DEFAULT_PORT = 8787;

// Worth nothing outside of the simulator that this program starts.
const SIMULATED_API_KEY = 'persona_sandbox_simulated';

const HELP = `npm start [-- --once] [--port N]
npm start -- --upstream URL [--port N]

Builds what is out of date, starts a simulated Persona and the gateway, carries one relay from its creation to a
decrypted claim, and goes on serving until Ctrl-C.

  --once           end after the walk-through; the exit code is 0 when every step succeeded
  --port N         the gateway's port on 127.0.0.1 (default: ${DEFAULT_PORT}, with --once any free one; 0 means any)
  --upstream URL   only the gateway, in front of this upstream: in pass-through mode, or in managed mode when the
                   environment has PERSONA_API_KEY, GATEWAY_TOKENS and STORE_KEYS (also read:
                   IDEMPOTENCY_KEYS, WITHHOLD_RELAY_SECRET, PERSONA_VERSION,
                   ISSUER_KEY_PINS, ISSUER_KEY_MIN_DAYS, PERMISSIVE_ISSUER_KEYS, PASS_POOL)
  --help           this text
`;

const OPTIONS = {
  once: { type: 'boolean' },
  port: { type: 'string' },
  upstream: { type: 'string' },
  help: { type: 'boolean' },
};

async function main(argv) {
  const { values } = readArgs(argv, OPTIONS, { command: 'npm start' });
  if (values.help) return void process.stdout.write(HELP);
  const { once = false, upstream } = values;
  const port = values.port === undefined ? (once ? 0 : DEFAULT_PORT) : readPort(values.port);
  if (upstream !== undefined) checkUpstream(upstream);
  if (upstream !== undefined && once) {
    throw new Problem('--once ends after the walk-through, and --upstream has none: give one of the two.', { exitCode: 2 });
  }

  await build();
  // What is kept between runs; the tests keep theirs elsewhere.
  const state = path.resolve(root, process.env.RELAY_EDGE_STATE ?? '.state');
  if (upstream === undefined) await withSimulator({ port, state, once });
  else await withUpstream({ port, state, upstream });
}

async function withSimulator({ port, state, once }) {
  const { startSimulator } = await import('../simulator/index.mjs');
  const { interrupted, startGateway } = await import('./lib/gateway.mjs');
  const { GATEWAY_TOKENS, STORE_KEYS, token, tokenFile } = localSecrets(state);
  const simulator = await startSimulator({ port: 0, apiKeys: { sandbox: [SIMULATED_API_KEY], production: [] } });
  try {
    const bindings = { PERSONA_BASE_URL: simulator.url, PERSONA_API_KEY: SIMULATED_API_KEY, GATEWAY_TOKENS, STORE_KEYS };
    // Until it serves, the walk-through has the screen: of the Worker's log only trouble is shown.
    let serving = false;
    const log = (line) => (serving || !line.includes('"level":"info"')) && progress(line);
    const gateway = await startGateway({ port, state, bindings, log });
    try {
      process.stdout.write(`The gateway runs in workerd at ${gateway.url}, a simulated Persona at ${simulator.url}.\n`);
      await walkThrough({ gateway: gateway.url, simulator: simulator.url, token });
      if (once) return;
      serving = true;
      process.stdout.write(`ready ${gateway.url}\n\n${toTry(gateway.url, simulator.url, tokenFile)}`);
      await interrupted();
    } finally {
      await gateway.close();
    }
  } finally {
    await simulator.close();
  }
}

async function withUpstream({ port, state, upstream }) {
  const { serveUntilInterrupted } = await import('./lib/gateway.mjs');
  await serveUntilInterrupted({ port, state, bindings: bindingsFrom(process.env, upstream), log: progress });
}

/** The same steps by hand: each line can be pasted into a shell in the checkout. */
function toTry(gateway, simulator, tokenFile) {
  const file = path.relative(inRoot(), tokenFile);
  const json = `-H 'Content-Type: application/json'`;
  return `Try it yourself, in another shell in this folder:

  curl ${gateway}/healthz
  TOKEN=$(cat ${file})
  RELAY=$(curl -s -H "Authorization: Bearer $TOKEN" ${json} -d '{"claim-type":"age_over18_germany","encryption-key-pem":null,"sandbox":true}' ${gateway}/relays | grep -o 'relay_[A-Za-z0-9_-]*' | head -n 1)
  curl -H "Authorization: Bearer $TOKEN" ${json} -d '{"relay-token":"'$RELAY'"}' ${gateway}/relays/privacy-passes
  curl ${json} -d '{"result":"failed"}' ${simulator}/_simulator/relays/$RELAY/complete
  curl -H "Authorization: Bearer $TOKEN" ${json} -d '{}' ${gateway}/relays/$RELAY/redeem

Ctrl-C ends both.
`;
}

if (isProgram(import.meta.url)) await runProgram(main);
