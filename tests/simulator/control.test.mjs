/** The control endpoints, the recording, the place where faults will go, and the command line. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startSimulator } from '../../simulator/index.mjs';
import { preparePurchase } from './reference_client.mjs';
import { simulator, url } from './shared.mjs';
import * as step from './support.mjs';

const CLI = fileURLToPath(new URL('../../simulator/cli.mjs', import.meta.url));

describe('control endpoints', () => {
  test('complete decides a claim, again until it is redeemed, with any Content-Type', async () => {
    const relay = await step.createRelay(url);
    const path = `/_simulator/relays/${relay.token}/complete`;
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const failed = await step.send(url, path, { headers: form, body: { result: 'failed' } });
    assert.deepEqual([failed.status, failed.body], [200, { relayToken: relay.token, state: 'failed' }]);
    assert.equal((await step.send(url, path, { body: { result: 'passed' } })).status, 200);
    assert.equal((await step.redeem(url, relay, (await step.buyPass(url)).token)).status, 200);
    assert.equal((await step.send(url, path, { body: { result: 'failed' } })).code, 'relay_redeemed');
  });
  for (const [body, status, code] of /** @type {[any, number, string][]} */ ([
    [{}, 400, 'member_missing'],
    [{ result: 'perhaps' }, 422, 'result_invalid'],
    [{ result: 'passed', methodology: [{ method: 'x' }] }, 422, 'methodology_invalid'],
    [{ result: 'passed', methodology: [null] }, 422, 'methodology_invalid'],
    [{ result: 'passed', methodology: 'x' }, 400, 'member_mistyped'],
  ])) {
    test(`complete with ${JSON.stringify(body)}: ${code}`, async () => {
      const relay = await step.createRelay(url);
      const answer = await step.send(url, `/_simulator/relays/${relay.token}/complete`, { body });
      assert.deepEqual([answer.status, answer.code], [status, code]);
    });
  }
  test('complete of an unknown relay: 404', async () =>
    assert.equal((await step.send(url, '/_simulator/relays/relay_x/complete', { body: { result: 'passed' } })).status, 404));

  test('the ledger over HTTP is the ledger, and tells no secrets', async () => {
    const relay = await step.createRelay(url);
    await step.buyPass(url);
    await step.send(url, '/nowhere');
    const { body, text } = await step.send(url, '/_simulator/ledger', { method: 'GET' });
    assert.deepEqual(body, JSON.parse(JSON.stringify(simulator.ledger())));
    assert.equal(body.billed.total, 1);
    assert.deepEqual(body.refused, { total: 1, byCode: { path_unknown: 1 } });
    assert.deepEqual(body.relays[relay.token], {
      claimType: step.CLAIM_TYPE, environment: 'sandbox', encrypted: false, state: 'pending', redeemed: false, refunds: 0,
    });
    assert.ok(!text.includes(relay.secret));
  });
  test('requests are recorded as they were on the wire; control calls are not', async () => {
    await step.send(url, `${step.RELAYS}/challenge?q`, { headers: { 'x-ODD-Case': '1' }, body: '{"a": 1}' });
    const { body } = await step.send(url, '/_simulator/requests', { method: 'GET' });
    assert.equal(body.requests.length, 1);
    const [{ call, method, target, rawHeaders, body: sent, status, id }] = body.requests;
    assert.deepEqual([call, method, target, sent, status], ['challenge', 'POST', `${step.RELAYS}/challenge?q`, '{"a": 1}', 400]);
    assert.match(id, /^req_/);
    assert.deepEqual(rawHeaders.map(([/** @type {string} */ name]) => name), ['Content-Type', 'Key-Inflection', 'Content-Length', 'x-ODD-Case', 'Host', 'Connection']);
  });
  test('reset forgets relays, passes, keys of idempotency and counts, but not the issuer keys', async () => {
    const relay = await step.createRelay(url);
    const { tokenKeyId } = await step.challengeFor(url);
    await step.buyPass(url);
    assert.equal((await step.send(url, '/_simulator/reset')).status, 200);
    assert.equal((await step.redeem(url, relay, 'eyJ9')).status, 404);
    assert.equal((await step.challengeFor(url)).tokenKeyId, tokenKeyId);
    assert.equal(simulator.ledger().billed.total, 0);
  });
  test('wrong methods and paths: 405 and 404', async () => {
    assert.equal((await step.send(url, '/_simulator/ledger')).status, 405);
    assert.equal((await step.send(url, '/_simulator/nothing')).status, 404);
  });
});

test('an interceptor can drop a call after it was processed, and change answers', async (t) => {
  /** @type {import('../../simulator/http.mjs').Intercept} */
  const intercept = async ({ call, response }, next) => {
    const answer = await next();
    if (call === 'purchase') {
      response.destroy();
      return null;
    }
    return call === 'create' ? { status: 500, body: {} } : answer;
  };
  const simulator = await startSimulator({ intercept });
  t.after(() => simulator.close());
  const prepared = preparePurchase(await step.challengeFor(simulator.url));
  await assert.rejects(step.purchase(simulator.url, prepared), { code: 'ECONNRESET' });
  assert.equal(simulator.ledger().billed.total, 1);
  assert.equal(simulator.requests().at(-1)?.status, null);
  assert.equal((await step.send(simulator.url, step.RELAYS, { body: { 'claim-type': 'x', 'encryption-key-pem': null } })).status, 500);
});

test('concurrent first challenges share one key', async (t) => {
  const simulator = await startSimulator();
  t.after(() => simulator.close());
  const ids = await Promise.all(Array.from({ length: 5 }, async () => (await step.challengeFor(simulator.url)).tokenKeyId));
  assert.equal(new Set(ids).size, 1);
});

test('misuse of startSimulator is a UsageError', async () => {
  for (const options of [{ ports: 1 }, { port: -1 }, { modulusLength: 1024 }, { spki: 'x' }, { keyIdFormat: 'x' }, { recordedRequests: -1 }, { seed: 0.5 }]) {
    await assert.rejects(startSimulator(/** @type {any} */ (options)), { name: 'UsageError' });
  }
});

describe('command line', () => {
  /** @param {string[]} args @returns {Promise<{ code: number | null, stdout: string, stderr: string }>} */
  const run = (args) =>
    new Promise((resolve) => {
      const child = spawn(process.execPath, [CLI, ...args]);
      let [stdout, stderr] = ['', ''];
      child.stderr.on('data', (chunk) => (stderr += chunk));
      child.stdout.on('data', (chunk) => {
        stdout += chunk;
        if (stdout.includes('/_simulator/requests')) child.kill('SIGTERM');
      });
      child.on('close', (code) => resolve({ code, stdout, stderr }));
    });

  test('says ready first, then how to complete a claim, and ends cleanly on SIGTERM', async () => {
    const { code, stdout, stderr } = await run(['--port', '0', '--spki', 'rsassaPss', '--keep-redemption-failures', '--recorded-requests', '5', '--seed', '1']);
    assert.match(stdout.split('\n')[0], /^ready http:\/\/127\.0\.0\.1:\d+$/);
    assert.match(stdout, /curl -X POST http:\/\/127\.0\.0\.1:\d+\/_simulator\/relays\/RELAY_TOKEN\/complete -d/);
    assert.deepEqual([code, stderr], [0, '']);
  });
  test('one sentence for each mistake', async (t) => {
    const simulator = await startSimulator();
    t.after(() => simulator.close());
    for (const [args, message] of /** @type {[string[], RegExp][]} */ ([
      [['--prot', '1'], /^simulator: Unknown option '--prot'\. See --help\.\n$/],
      [['--port'], /^simulator: .*--port.* argument missing\. See --help\.\n$/],
      [['--port', 'http'], /^simulator: --port takes a whole number\.\n$/],
      [['--modulus-length', '1024'], /^simulator: modulusLength must be one of 2048, 3072, 4096\.\n$/],
      [['--port', String(simulator.port)], /^simulator: Port \d+ is taken: .*\.\n$/],
    ])) {
      const { code, stdout, stderr } = await run(args);
      assert.match(stderr, message);
      assert.deepEqual([code, stdout], [2, '']);
    }
  });
});
