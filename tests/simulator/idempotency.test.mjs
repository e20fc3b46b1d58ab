/** One key, one execution, one answer (docs/protocol.md section 4). */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, beforeEach, describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { preparePurchase } from './reference_client.mjs';
import * as step from './support.mjs';

const HOURS_24_MS = 86_400_000;

/** @type {import('../../simulator/index.mjs').Simulator} */
let simulator;
let url = '';
let clock = Date.parse('2026-11-21T00:00:00Z');
/** Called before each upstream call; tests replace it. */
let gate = async () => {};
before(async () => {
  simulator = await startSimulator({ now: () => clock, intercept: (_, next) => gate().then(next) });
  url = simulator.url;
});
beforeEach(() => {
  gate = async () => {};
  simulator.reset();
});
after(() => simulator.close());

/** @param {{ status: number, code?: string, body: any, text: string }} answer */
function assertIdempotencyError(answer) {
  assert.deepEqual([answer.status, answer.code, answer.body.errors?.[0].title], [400, 'idempotency_error', 'Idempotency error'], answer.text);
}

/** Holds calls back until `count` of them have arrived. @param {number} count */
function gather(count) {
  /** @type {() => void} */
  let open = () => {};
  const opened = new Promise((/** @type {(value: void) => void} */ resolve) => (open = resolve));
  return async () => {
    count -= 1;
    if (count === 0) open();
    await opened;
  };
}

describe('purchase', () => {
  const idempotencyKey = 'purchase-key';
  test('the same key and body replay the same answer without billing', async () => {
    const prepared = preparePurchase(await step.challengeFor(url));
    const first = await step.purchase(url, prepared, { idempotencyKey });
    const second = await step.purchase(url, prepared, { idempotencyKey });
    assert.equal(second.status, 200);
    assert.deepEqual(second.body, first.body);
    const { billed, replayed } = simulator.ledger();
    assert.deepEqual([billed.total, billed.byIdempotencyKey, replayed.purchases], [1, { [idempotencyKey]: 1 }, 1]);
  });
  test('the same body under another key is billed again', async () => {
    const prepared = preparePurchase(await step.challengeFor(url));
    await step.purchase(url, prepared);
    await step.purchase(url, prepared);
    assert.equal(simulator.ledger().billed.total, 2);
  });
  test('the same key with another blinded token, or spacing, or account is an error', async () => {
    const [one, two] = [preparePurchase(await step.challengeFor(url)), preparePurchase(await step.challengeFor(url))];
    await step.purchase(url, one, { idempotencyKey });
    assertIdempotencyError(await step.purchase(url, two, { idempotencyKey }));
    const body = JSON.stringify({ 'blinded-token': one.blindedToken, 'key-id': one.tokenKeyId }, null, 1);
    assertIdempotencyError(await step.purchase(url, one, { idempotencyKey, body }));
    assertIdempotencyError(await step.purchase(url, one, { idempotencyKey, apiKey: step.PRODUCTION_KEY }));
    assert.equal(simulator.ledger().billed.total, 1);
  });
  test('a key is forgotten after 24 hours: the same purchase is billed again', async () => {
    const prepared = preparePurchase(await step.challengeFor(url));
    await step.purchase(url, prepared, { idempotencyKey });
    clock += HOURS_24_MS - 1;
    await step.purchase(url, prepared, { idempotencyKey });
    assert.equal(simulator.ledger().billed.total, 1);
    clock += 1;
    await step.purchase(url, prepared, { idempotencyKey });
    assert.equal(simulator.ledger().billed.total, 2);
  });
  test('a failure is not kept: the key is free for the right body', async () => {
    const prepared = preparePurchase(await step.challengeFor(url));
    const wrong = await step.purchase(url, { ...prepared, blindedToken: 'AA' }, { idempotencyKey });
    assert.equal(wrong.status, 422);
    assert.equal((await step.purchase(url, prepared, { idempotencyKey })).status, 200);
  });
  test('keepPurchaseFailures keeps it', async (t) => {
    const keeping = await startSimulator({ keepPurchaseFailures: true });
    t.after(() => keeping.close());
    const prepared = preparePurchase(await step.challengeFor(keeping.url));
    const wrong = { ...prepared, blindedToken: 'AA' };
    assert.equal((await step.purchase(keeping.url, wrong, { idempotencyKey })).status, 422);
    assertIdempotencyError(await step.purchase(keeping.url, prepared, { idempotencyKey }));
    const again = await step.purchase(keeping.url, wrong, { idempotencyKey });
    assert.deepEqual([again.status, keeping.ledger().replayed.purchases], [422, 1]);
  });
  test('20 at once under one key are billed once and all get the answer', async () => {
    const prepared = preparePurchase(await step.challengeFor(url));
    gate = gather(20);
    const answers = await Promise.all(Array.from({ length: 20 }, () => step.purchase(url, prepared, { idempotencyKey })));
    assert.deepEqual([...new Set(answers.map(({ status, body }) => `${status} ${body['blind-sig']}`))].length, 1);
    assert.equal(answers[0].status, 200);
    const { billed, replayed } = simulator.ledger();
    assert.deepEqual([billed.total, replayed.purchases], [1, 19]);
  });
});

describe('redemption', () => {
  const idempotencyKey = 'redemption-key';
  /** @param {'passed' | 'failed'} result */
  const ready = async (result) => {
    const { publicKey } = keyPair;
    const relay = await step.createRelay(url, { 'encryption-key-pem': publicKey.export({ type: 'spki', format: 'pem' }) });
    simulator.complete(relay.token, { result });
    return relay;
  };
  /** @type {crypto.KeyPairKeyObjectResult} */
  let keyPair;
  before(() => {
    keyPair = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  });

  for (const result of /** @type {const} */ (['passed', 'failed'])) {
    test(`a ${result} claim is replayed byte for byte`, async () => {
      const [relay, pass] = [await ready(result), await step.buyPass(url)];
      const first = await step.redeem(url, relay, pass.token, { idempotencyKey });
      const second = await step.redeem(url, relay, pass.token, { idempotencyKey });
      // The ciphertext is randomised, so equal text means that it was kept and not made again.
      assert.equal(second.text, first.text);
      const { spent, refunded, replayed } = simulator.ledger();
      assert.deepEqual([spent.total, refunded.total, replayed.redemptions], result === 'passed' ? [1, 0, 1] : [0, 1, 1]);
    });
  }
  test('a retry under a new key is a double spend', async () => {
    const [relay, pass] = [await ready('passed'), await step.buyPass(url)];
    await step.redeem(url, relay, pass.token, { idempotencyKey });
    assert.equal((await step.redeem(url, relay, pass.token)).status, 409);
  });
  test('after 24 hours the same key is a double spend too', async () => {
    const [relay, pass] = [await ready('passed'), await step.buyPass(url)];
    await step.redeem(url, relay, pass.token, { idempotencyKey });
    clock += HOURS_24_MS;
    assert.equal((await step.redeem(url, relay, pass.token, { idempotencyKey })).status, 409);
  });
  test('the same key with another pass or relay is an error, and spends nothing', async () => {
    const [relay, other] = [await ready('passed'), await ready('passed')];
    const [pass, second] = [await step.buyPass(url), await step.buyPass(url)];
    await step.redeem(url, relay, pass.token, { idempotencyKey });
    assertIdempotencyError(await step.redeem(url, relay, second.token, { idempotencyKey }));
    assertIdempotencyError(await step.redeem(url, other, second.token, { idempotencyKey }));
    assert.equal((await step.redeem(url, other, second.token)).status, 200);
  });
  test('the key of a purchase on a redemption is an error: it would link the two', async () => {
    const [relay, pass] = [await ready('passed'), await step.buyPass(url)];
    const [purchaseKey] = Object.keys(simulator.ledger().billed.byIdempotencyKey);
    assertIdempotencyError(await step.redeem(url, relay, pass.token, { idempotencyKey: purchaseKey }));
  });
  test('20 at once under one key spend once; under 20 keys one succeeds', async () => {
    const [relay, pass] = [await ready('passed'), await step.buyPass(url)];
    gate = gather(20);
    const same = await Promise.all(Array.from({ length: 20 }, () => step.redeem(url, relay, pass.token, { idempotencyKey })));
    assert.equal(new Set(same.map(({ text }) => text)).size, 1);
    assert.deepEqual([same[0].status, simulator.ledger().spent.total], [200, 1]);

    gate = async () => {};
    const [another, fresh] = [await ready('passed'), await step.buyPass(url)];
    gate = gather(20);
    const different = await Promise.all(Array.from({ length: 20 }, () => step.redeem(url, another, fresh.token)));
    assert.deepEqual(different.map(({ status }) => status).sort(), [200, ...Array(19).fill(409)]);
    assert.equal(simulator.ledger().spent.total, 2);
  });
});

test('the memory itself: a waiter executes when the first one fails', async () => {
  const { IdempotencyMemory, keepsSuccess } = await import('../../simulator/idempotency.mjs');
  const memory = new IdempotencyMemory({ now: () => clock });
  /** @type {(answer: any) => void} */
  let finish = () => {};
  let executions = 0;
  const first = memory.run('key', ['a'], () => ((executions += 1), new Promise((resolve) => (finish = resolve))), keepsSuccess);
  const second = memory.run('key', ['a'], async () => ((executions += 1), { status: 200, body: 'second' }), keepsSuccess);
  await assert.rejects(memory.run('key', ['b'], async () => assert.fail('must not execute'), keepsSuccess), { code: 'idempotency_error' });
  assert.equal(executions, 1);
  finish({ status: 422, body: 'first' });
  assert.deepEqual(await first, { answer: { status: 422, body: 'first' }, replayed: false });
  assert.deepEqual(await second, { answer: { status: 200, body: 'second' }, replayed: false });
  assert.equal(executions, 2);
});
