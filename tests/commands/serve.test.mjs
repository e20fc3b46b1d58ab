// `npm run serve`: one command, each runtime.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EXAMPLES, exampleCommand } from '../../scripts/lib/example.mjs';
import { startSimulator } from '../../simulator/index.mjs';
import { CLAIM_TYPE, caller, complete, managedSecrets } from '../worker/support.mjs';
import { execute, npm, serve, temporaryFolder } from './support/commands.mjs';

for (const runtime of [...Object.keys(EXAMPLES), 'workerd']) {
  const missing = runtime === 'workerd' ? undefined : exampleCommand(runtime).missing;
  test(`--runtime ${runtime} serves managed mode, and knows its relays after a restart`, { skip: missing ?? false }, async (t) => {
    const simulator = await startSimulator();
    t.after(() => simulator.close());
    const { shop, bindings } = managedSecrets();
    const state = temporaryFolder(t);
    const start = () => serve(t, 'scripts/serve.mjs', ['--runtime', runtime, '--port', '0', '--upstream', simulator.url], {
      env: { ...bindings, RELAY_EDGE_STATE: state },
    });
    const first = await start();
    const { body } = await caller(first, shop).create({ 'claim-type': CLAIM_TYPE });
    await complete(simulator, body['relay-token']);
    assert.equal(await first.stop(), 0);
    assert.equal(existsSync(path.join(state, 'relay-edge.db')), runtime !== 'workerd');

    const second = await start();
    assert.equal((await caller(second, shop).issue({ 'relay-token': body['relay-token'] })).status, 200);
    assert.equal((await caller(second, shop).redeem(body['relay-token'])).status, 200);
    assert.equal(await second.stop(), 0);
    // Of a runtime elsewhere Persona learns nothing by itself.
    assert.deepEqual(Object.keys(simulator.ledger().platformHeaders).length > 0, runtime === 'workerd');
  });
}

test('without --upstream it is in front of PERSONA_BASE_URL, and a malformed setting is named', async (t) => {
  const env = { RELAY_EDGE_STATE: temporaryFolder(t), PERSONA_BASE_URL: 'http://persona.example' };
  const result = await execute(process.execPath, ['scripts/serve.mjs', '--runtime', 'bun', '--port', '0'], { env });
  assert.equal(result.code, 1);
  assert.match(result.stderr, /PERSONA_BASE_URL must be an https: URL/);
});

test('a wrong command line is one sentence and exit code 2', async () => {
  const wrong = [
    [[], /--runtime takes one of deno, bun, node, workerd, and it is missing/],
    [['--runtime', 'rhino'], /--runtime takes one of deno, bun, node, workerd, not `rhino`/],
    [['--runtime', 'bun', '--port', 'x'], /--port takes a number/],
    [['--runtime', 'bun', '--upstream', 'nowhere'], /--upstream takes an http or https URL/],
    [['--fast'], /--help/],
  ];
  for (const [args, expected] of wrong) {
    const result = await execute(process.execPath, ['scripts/serve.mjs', ...args]);
    assert.equal(result.code, 2, args.join(' '));
    assert.equal(result.stdout, '');
    assert.match(result.stderr, expected);
    assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
  }
  const { code, stdout } = await npm('serve', ['--help']);
  assert.equal(code, 0);
  for (const flag of ['--runtime', '--port', '--upstream', '--help', 'IDEMPOTENCY_KEYS', 'RELAY_EDGE_STATE']) assert.ok(stdout.includes(flag), flag);
});
