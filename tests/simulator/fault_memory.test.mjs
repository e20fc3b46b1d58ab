/** Faults that last: keys that stick to a 500, and idempotency memories that keep failures. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { newPurchase, newRedemption } from './fault_support.mjs';
import * as step from './support.mjs';

/** @type {import('../../simulator/index.mjs').Simulator} */
let simulator;
before(async () => {
  simulator = await startSimulator();
});
beforeEach(() => simulator.reset());
after(() => simulator.close());

const status = async (/** @type {Promise<{ status: number | null }>} */ outcome) => (await outcome).status;

describe('sticky 500s', () => {
  test('purchase, before: the key answers 500 and is not billed; another key is, and this one once the rules end', async () => {
    const [stuck, free] = [await newPurchase(simulator.url, 'stuck'), await newPurchase(simulator.url, 'free')];
    simulator.faults.set([{ call: 'purchase', fault: 'sticky-500-before', times: 1 }]);
    for (let i = 0; i < 3; i += 1) assert.equal(await status(stuck.send()), 500);
    assert.equal(await status(free.send()), 200);
    assert.equal(await status(stuck.send()), 500);
    assert.deepEqual(simulator.ledger().billed.byIdempotencyKey, { free: 1 });
    assert.deepEqual(simulator.faults.fired().map(({ seen, fired }) => [seen, fired]), [[5, 4]]);
    simulator.faults.clear();
    assert.equal(await status(stuck.send()), 200);
  });
  test('purchase, after: billed once, and never told', async () => {
    const stuck = await newPurchase(simulator.url, 'stuck');
    simulator.faults.set([{ call: 'purchase', fault: 'sticky-500-after' }]);
    for (let i = 0; i < 3; i += 1) assert.equal(await status(stuck.send()), 500);
    const { billed, replayed } = simulator.ledger();
    assert.deepEqual([billed.byIdempotencyKey, replayed.purchases], [{ stuck: 1 }, 0]);
  });
  test('redemption, before: a new key gets the claim', async () => {
    const { send } = await newRedemption(simulator);
    simulator.faults.set([{ call: 'redeem', fault: 'sticky-500-before', times: 1 }]);
    assert.deepEqual([await status(send()), await status(send()), await status(send('new'))], [500, 500, 200]);
  });
  test('redemption, after: a new key is a double spend', async () => {
    const { send } = await newRedemption(simulator);
    simulator.faults.set([{ call: 'redeem', fault: 'sticky-500-after', times: 1 }]);
    assert.deepEqual([await status(send()), await status(send()), await status(send('new'))], [500, 500, 409]);
  });
});

describe('memories that keep failures', () => {
  /** What a first failure, two retries under the key, and one under a new key answer. */
  const story = async (/** @type {string} */ call, /** @type {object} */ rule) => {
    simulator.faults.set([{ call, times: 1, ...rule }]);
    if (call === 'redeem') {
      const { send } = await newRedemption(simulator);
      return [await status(send()), await status(send()), await status(send('new'))];
    }
    const first = await newPurchase(simulator.url);
    return [await status(first.send()), await status(first.send()), await status((await newPurchase(simulator.url)).send())];
  };
  for (const [call, rule, forgetting, keeping] of /** @type {[string, any, number[], number[]][]} */ ([
    ['purchase', { fault: '500-before' }, [500, 200, 200], [500, 500, 200]],
    ['purchase', { fault: '500-after' }, [500, 200, 200], [500, 500, 200]],
    ['purchase', { fault: '500-before', status: 503 }, [503, 200, 200], [503, 200, 200]],
    ['purchase', { fault: '500-before', status: 401 }, [401, 200, 200], [401, 200, 200]],
    ['purchase', { fault: '429' }, [429, 200, 200], [429, 200, 200]],
    ['redeem', { fault: '500-before' }, [500, 200, 409], [500, 500, 200]],
    ['redeem', { fault: '500-after' }, [500, 200, 409], [500, 500, 409]],
    ['redeem', { fault: '403-then-ready' }, [403, 200, 409], [403, 403, 200]],
    ['redeem', { fault: '429' }, [429, 200, 409], [429, 200, 409]],
  ])) {
    test(`${call}, ${Object.values(rule).join(' ')}: ${forgetting}, keeping failures: ${keeping}`, async () => {
      assert.deepEqual(await story(call, rule), forgetting);
      simulator.configure({ keepPurchaseFailures: true, keepRedemptionFailures: true });
      assert.deepEqual(await story(call, rule), keeping);
    });
  }
  test('a kept 500 after processing is billed all the same', async () => {
    simulator.configure({ keepPurchaseFailures: true });
    await story('purchase', { fault: '500-after' });
    assert.deepEqual([simulator.ledger().billed.total, simulator.ledger().replayed.purchases], [2, 1]);
  });
  test('a redemption that is not ready stays so under its key', async () => {
    const relay = await step.createRelay(simulator.url);
    const { send } = await newRedemption(simulator, { relay });
    simulator.configure({ keepRedemptionFailures: true });
    assert.equal(await status(send()), 403);
    simulator.complete(relay.token, { result: 'passed' });
    assert.deepEqual([await status(send()), await status(send('new'))], [403, 200]);
  });
  test('each call has its own switch, also as an option and over HTTP; reset goes back to the options', async (t) => {
    const other = await startSimulator({ keepRedemptionFailures: true });
    t.after(() => other.close());
    const options = (/** @type {any} */ body) => step.send(other.url, '/_simulator/options', body ? { body } : { method: 'GET' });
    assert.deepEqual((await options(undefined)).body, { keepPurchaseFailures: false, keepRedemptionFailures: true });
    const changed = { keepPurchaseFailures: true, keepRedemptionFailures: false };
    assert.deepEqual((await options({ 'keep-purchase-failures': true, 'keep-redemption-failures': false })).body, changed);
    assert.deepEqual(other.configure(), changed);
    assert.equal((await options({ 'keep-failures': true })).code, 'member_unknown');
    assert.throws(() => other.configure(/** @type {any} */ ({ keep: true })), { name: 'UsageError' });
    other.reset();
    assert.deepEqual(other.configure(), { keepPurchaseFailures: false, keepRedemptionFailures: true });
  });
});
