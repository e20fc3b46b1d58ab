import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { execute, npm, serve, temporaryFolder } from './support/commands.mjs';

const ALONE = ['--upstream', 'http://127.0.0.1:9', '--port', '0'];

test('--once carries a relay to its decrypted claim and ends', async (t) => {
  const state = temporaryFolder(t);
  const result = await npm('start', ['--once'], { env: { RELAY_EDGE_STATE: state } });
  assert.equal(result.code, 0, result.stderr);
  for (const step of ['1. ', '2. ', '3. ', '4. ', '5. ']) assert.ok(result.stdout.includes(`\n${step}`), `step ${step}`);
  assert.match(result.stdout, /age_over18_united_kingdom: passed/);
  assert.doesNotMatch(result.stdout, /^ready/m);

  const file = path.join(state, 'dev-secrets.json');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const { GATEWAY_TOKENS, STORE_KEYS } = JSON.parse(readFileSync(file, 'utf8'));
  for (const secret of [GATEWAY_TOKENS, STORE_KEYS]) {
    assert.ok(!result.stdout.includes(secret.split(':')[1]), 'a secret is on the screen');
  }

  await t.test('the secrets stay the same in the next run', async () => {
    const second = await npm('start', ['--once'], { env: { RELAY_EDGE_STATE: state } });
    assert.equal(second.code, 0, second.stderr);
    assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { GATEWAY_TOKENS, STORE_KEYS });
  });
});

test('keeps serving after the walk-through; the curl lines work as printed; Ctrl-C ends it', async (t) => {
  const gateway = await serve(t, 'scripts/start.mjs', ['--port', '0'], { env: { RELAY_EDGE_STATE: temporaryFolder(t) } });
  while (!gateway.shown().includes('Ctrl-C ends both')) await new Promise((resolve) => setTimeout(resolve, 10));
  const lines = gateway.shown().split('\n').filter((line) => /^ {2}(curl |\w+=)/.test(line));
  assert.equal(lines.length, 6);
  // With a word of ours before it, curl fails when an answer is an error.
  const strict = 'curl() { command curl -sS --fail-with-body "$@"; }';
  const result = await execute('bash', ['-euo', 'pipefail'], { input: [strict, ...lines].join('\n') });
  assert.equal(result.code, 0, result.stdout + result.stderr);
  assert.match(result.stdout, /claim-payload/);
  assert.match(result.stdout, /failed/);
  assert.equal(await gateway.stop(), 0);
});

test('--upstream serves the gateway alone, in the mode that the environment asks for', async (t) => {
  const state = temporaryFolder(t);
  const open = await serve(t, 'scripts/start.mjs', ALONE, { env: { RELAY_EDGE_STATE: state } });
  const healthy = await fetch(`${open.url}/healthz`);
  assert.equal(healthy.status, 200);
  const mode = await healthy.text();
  assert.match(mode, /pass-through/);
  assert.equal(open.shown(), `ready ${open.url}\n`);
  assert.equal(await open.stop(), 0);

  const { stdout } = await npm('secrets');
  const secrets = Object.fromEntries(stdout.trim().split('\n').map((line) => line.split(/=(.*)/s)));
  const managed = await serve(t, 'scripts/start.mjs', ALONE, {
    env: { RELAY_EDGE_STATE: state, PERSONA_API_KEY: 'persona_sandbox_test', ...secrets },
  });
  assert.match(await (await fetch(`${managed.url}/healthz`)).text(), /managed/);
  assert.equal(await managed.stop(), 0);
});

test('a port that is taken gets one sentence', async (t) => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address();
  const result = await npm('start', ['--once', '--port', String(port)], { env: { RELAY_EDGE_STATE: temporaryFolder(t) } });
  assert.equal(result.code, 1);
  assert.match(result.stderr, new RegExp(`^Port ${port} cannot be used \\(EADDRINUSE\\): choose another with --port N\\.$`, 'm'));
});

test('a wrong command line gets one sentence and exit code 2', async () => {
  const wrong = [
    [['--nonsense'], /--nonsense/],
    [['surplus'], /surplus/],
    [['--port', 'x'], /--port takes a number/],
    [['--port', '65536'], /--port takes a number/],
    [['--upstream', 'nowhere'], /--upstream takes an http or https URL/],
    [['--upstream', 'ftp://127.0.0.1'], /--upstream takes an http or https URL/],
    [['--upstream', 'http://127.0.0.1:9', '--once'], /--once/],
  ];
  for (const [args, expected] of wrong) {
    const result = await execute(process.execPath, ['scripts/start.mjs', ...args]);
    assert.equal(result.code, 2, args.join(' '));
    assert.equal(result.stdout, '');
    assert.match(result.stderr, expected);
    assert.equal(result.stderr.trim().split('\n').length, 1, result.stderr);
  }
});

test('--help lists every flag', async () => {
  const result = await npm('start', ['--help']);
  assert.equal(result.code, 0);
  for (const flag of ['--once', '--port', '--upstream', '--help']) assert.ok(result.stdout.includes(flag));
});
