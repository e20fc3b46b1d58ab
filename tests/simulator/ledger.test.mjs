/** The books, to the pass. */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { newPurchase, newRedemption } from './fault_support.mjs';
import { simulator, url } from './shared.mjs';
import * as step from './support.mjs';

describe('the ledger, to the pass', () => {
  const sha256 = (/** @type {any} */ data) => crypto.createHash('sha256').update(data).digest('hex');
  test('lists what was billed, and what was spent and handed back per relay', async () => {
    const bought = await newPurchase(url, 'buy');
    const pass = bought.pass(await bought.send());
    const { blindedToken, tokenKeyId } = bought.prepared;
    const failing = await step.createRelay(url);
    simulator.complete(failing.token, { result: 'failed' });
    const refunded = await newRedemption(simulator, { relay: failing, pass, idempotencyKey: 'r1' });
    await refunded.send();
    await refunded.send();
    await refunded.send('r2');
    const spent = await newRedemption(simulator, { pass, idempotencyKey: 'r3' });
    await spent.send();
    const { purchases, redemptions, doubleBilled } = simulator.ledger();
    assert.deepEqual(purchases.map(({ at, ...purchase }) => purchase), [{
      idempotencyKey: 'buy', keyId: tokenKeyId, environment: 'sandbox', claimType: step.CLAIM_TYPE,
      blindedTokenSha256: sha256(Buffer.from(blindedToken, 'base64url')),
    }]);
    assert.ok(Math.abs(purchases[0].at - Date.now()) < 5000);
    const hash = sha256(pass);
    const { [failing.token]: back, [spent.relay.token]: gone } = redemptions;
    assert.deepEqual({ ...back, lastAt: 0 }, { spent: 0, spentUnder: [], refunded: 2, refundedUnder: ['r1', 'r2'], passSha256: [hash, hash], lastAt: 0 });
    assert.deepEqual({ ...gone, lastAt: 0 }, { spent: 1, spentUnder: ['r3'], refunded: 0, refundedUnder: [], passSha256: [hash], lastAt: 0 });
    assert.deepEqual(doubleBilled, []);
  });
  test('doubleBilled: one blinded token under two keys', async () => {
    const { prepared, send } = await newPurchase(url, 'first');
    await send();
    await send();
    assert.deepEqual(simulator.summary().doubleBilled, []);
    await step.purchase(url, prepared, { idempotencyKey: 'second' });
    assert.deepEqual(simulator.summary().doubleBilled.map(({ idempotencyKey, why }) => [idempotencyKey, why]), [['second', 'blinded-token']]);
  });
  test('doubleBilled: one key for two blinded tokens, after 24 hours', async (t) => {
    let clock = Date.now();
    const other = await startSimulator({ now: () => clock });
    t.after(() => other.close());
    await (await newPurchase(other.url, 'same')).send();
    clock += 86_400_000;
    await (await newPurchase(other.url, 'same')).send();
    assert.deepEqual(other.summary().doubleBilled.map(({ why }) => why), ['idempotency-key']);
  });
  test('the summary is the ledger without its lists, also over HTTP', async () => {
    await (await newPurchase(url)).send();
    const { purchases, redemptions, relays, billed: { byIdempotencyKey, ...billed }, ...rest } = simulator.ledger();
    assert.deepEqual(simulator.summary(), { ...rest, billed });
    assert.deepEqual((await step.send(url, '/_simulator/ledger/summary', { method: 'GET' })).body, JSON.parse(JSON.stringify(simulator.summary())));
  });
  test('recordedRequests bounds what is remembered', async (t) => {
    for (const recordedRequests of [0, 2]) {
      const other = await startSimulator({ recordedRequests });
      t.after(() => other.close());
      for (let i = 0; i < 4; i += 1) await step.challengeFor(other.url);
      assert.equal(other.requests().length, recordedRequests);
    }
  });
});
