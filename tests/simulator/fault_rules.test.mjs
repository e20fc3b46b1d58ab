/** Which requests a rule strikes, and what the control endpoint says about it. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { attempt, calls } from './fault_support.mjs';
import * as step from './support.mjs';

/** @type {import('../../simulator/index.mjs').Simulator} */
let simulator;
let url = '';
before(async () => {
  simulator = await startSimulator({ seed: 7 });
  url = simulator.url;
});
beforeEach(() => simulator.reset());
after(() => simulator.close());

const FAULTS = '/_simulator/faults';
/** Statuses of so many requests, one after the other. */
const statuses = async (/** @type {() => Promise<{ status: number | null }>} */ send, /** @type {number} */ count) => {
  const all = [];
  for (let i = 0; i < count; i += 1) all.push((await send()).status);
  return all;
};
/** A redemption of a relay that need not exist: it is refused with 404 unless a fault strikes first. */
const redeemRelay = (/** @type {string} */ relay, key = 'k', to = url) =>
  attempt(to, { path: `${step.RELAYS}/${relay}/generate-claim`, headers: { Authorization: 'PrivateToken token=eA', 'Persona-Relay-Secret': 's', 'Idempotency-Key': key } });

describe('which requests', () => {
  test('after and times; the first rule that strikes is the only one; all see every request', async () => {
    simulator.faults.set([
      { call: 'challenge', fault: '500-before', after: 1, times: 2 },
      { call: 'challenge', fault: '500-before', status: 503, after: 2, times: 2 },
      { call: 'create', fault: '429' },
    ]);
    const { send } = await calls.challenge(simulator);
    assert.deepEqual(await statuses(send, 6), [200, 500, 500, 503, 503, 200]);
    assert.deepEqual(simulator.faults.fired().map(({ seen, fired }) => [seen, fired]), [[6, 2], [6, 2], [0, 0]]);
  });
  test('without times it strikes always; each counts per relay', async () => {
    simulator.faults.set([{ call: 'redeem', fault: '500-before', after: 1, times: 1, each: true }]);
    assert.deepEqual(await statuses(() => redeemRelay('a'), 3), [404, 500, 404]);
    assert.deepEqual(await statuses(() => redeemRelay('b'), 3), [404, 500, 404]);
    simulator.faults.set([{ call: 'redeem', fault: '500-before' }]);
    assert.deepEqual(await statuses(() => redeemRelay('a'), 3), [500, 500, 500]);
  });
  test('relay and idempotency-key narrow a rule', async () => {
    simulator.faults.set([{ call: 'redeem', fault: '500-before', relay: 'a', 'idempotency-key': 'k1' }]);
    assert.deepEqual([await redeemRelay('a', 'k1'), await redeemRelay('a', 'k2'), await redeemRelay('b', 'k1')].map(({ status }) => status), [500, 404, 404]);
  });
  test('clear and set start anew', async () => {
    const { send } = await calls.challenge(simulator);
    for (const setAgain of [() => {}, () => simulator.faults.clear()]) {
      setAgain();
      simulator.faults.set([{ call: 'challenge', fault: '500-before', times: 1 }]);
      assert.deepEqual(await statuses(send, 2), [500, 200]);
    }
    simulator.faults.set([{ call: 'challenge', fault: '500-before' }]);
    simulator.faults.clear();
    assert.deepEqual(await statuses(send, 1), [200]);
  });
});

describe('by seed', () => {
  const RULES = [
    { call: 'redeem', fault: '500-before', probability: 0.3 },
    { call: 'redeem', fault: '500-before', status: 503, probability: 0.3 },
  ];
  const RELAYS = Array.from({ length: 40 }, (_, at) => `relay_${at}`);
  /** What three requests per relay come to. */
  const fates = async (/** @type {number} */ seed, /** @type {boolean} */ concurrent) => {
    simulator.faults.set(RULES, seed);
    const one = async (/** @type {string} */ relay) => [relay, await statuses(() => redeemRelay(relay), 3)];
    if (concurrent) return Object.fromEntries(await Promise.all([...RELAYS].reverse().map(one)));
    const all = [];
    for (const relay of RELAYS) all.push(await one(relay));
    return Object.fromEntries(all);
  };
  test('the same seed is the same again, whatever the order; another is not', async () => {
    const first = await fates(42, false);
    assert.deepEqual(await fates(42, true), first);
    assert.notDeepEqual(await fates(43, true), first);
    const count = (/** @type {number} */ wanted) => Object.values(first).flat().filter((status) => status === wanted).length;
    // 120 draws: about 36 of the first rule, 25 of the second.
    assert.ok(count(500) > 20 && count(500) < 55, String(count(500)));
    assert.ok(count(503) > 10 && count(503) < 42, String(count(503)));
    assert.equal(new Set(Object.values(first).map(String)).size > 5, true);
  });
  test('one relay and the next draw differently, and so do one request and the next', async () => {
    const first = await fates(1, true);
    assert.ok(new Set(Object.values(first).map(([status]) => status)).size === 3);
    assert.ok(Object.values(first).some(([one, two]) => one !== two));
  });
  test('a purchase draws by its idempotency key', async () => {
    const purchase = (/** @type {string} */ key) =>
      attempt(url, { path: step.PURCHASE, headers: { Authorization: `Bearer ${step.SANDBOX_KEY}`, 'Idempotency-Key': key } });
    const drawn = async () => {
      simulator.faults.set([{ call: 'purchase', fault: '500-before', probability: 0.5 }], 5);
      return (await Promise.all(RELAYS.map(purchase))).map(({ status }) => status);
    };
    const first = await drawn();
    assert.deepEqual(await drawn(), first);
    assert.equal(new Set(first).size, 2);
  });
  test('a seed that was not given is told; relay tokens of a seeded simulator are the same in every run', async (t) => {
    const { seed } = simulator.faults.set(RULES);
    assert.ok(Number.isSafeInteger(seed));
    const first = Object.fromEntries(await Promise.all(RELAYS.map(async (relay) => [relay, (await redeemRelay(relay)).status])));
    simulator.faults.set(RULES, seed);
    for (const relay of RELAYS) assert.equal((await redeemRelay(relay)).status, first[relay]);

    const [twin, other] = [await startSimulator({ seed: 7 }), await startSimulator()];
    t.after(() => Promise.all([twin.close(), other.close()]));
    const tokens = async (/** @type {string} */ of) => [(await step.createRelay(of)).token, (await step.createRelay(of)).token];
    const mine = await tokens(url);
    assert.notEqual(mine[0], mine[1]);
    assert.deepEqual(await tokens(twin.url), mine);
    assert.notDeepEqual(await tokens(other.url), mine);
    simulator.reset();
    assert.deepEqual(await tokens(url), mine);
  });
});

describe('the control endpoint', () => {
  test('shows the rules as they can be set again, with counts; DELETE ends them', async () => {
    const rules = [
      { call: 'redeem', fault: '429', 'retry-after': 3, relay: 'a', times: 2, each: true },
      { call: 'purchase', fault: 'hang-after', ms: 5, probability: 0.5, 'hold-after': true },
      { call: 'purchase', 'hold-after': true, 'idempotency-key': 'k', after: 1 },
    ];
    const set = await step.send(url, FAULTS, { body: { rules, seed: 42 } });
    assert.equal(set.status, 200, set.text);
    assert.equal((await redeemRelay('a')).status, 429);
    const { body } = await step.send(url, FAULTS, { method: 'GET' });
    assert.deepEqual(body, {
      seed: 42,
      rules: rules.map((rule, at) => ({ ...rule, seen: at === 0 ? 1 : 0, fired: at === 0 ? 1 : 0 })),
      held: [],
    });
    assert.deepEqual(body.rules, simulator.faults.fired());
    assert.deepEqual((await step.send(url, FAULTS, { method: 'DELETE' })).body.rules, []);
    assert.equal((await redeemRelay('a')).status, 404);
  });
  for (const [rule, sentence] of /** @type {[any, string][]} */ ([
    ['x', 'Rule 1 must be an object.'],
    [{ fault: '429' }, 'Rule 1 must have the member call.'],
    [{ call: 'purchase' }, 'Rule 1 must have the member fault, or hold-after.'],
    [{ call: 'buy', fault: '429' }, 'Rule 1: call must be one of create, challenge, relay-challenge, purchase, redeem, not "buy".'],
    [{ call: 'purchase', fault: '429', count: 1 }, 'Rule 1 has a member that rules do not have: "count".'],
    [{ call: 'purchase', fault: '429', times: 0 }, 'Rule 1: times must be a whole number from 1, not 0.'],
    [{ call: 'purchase', fault: '429', 'hold-after': true }, 'Rule 1: the fault 429 does not process the call, so there is no hold-after.'],
    [{ call: 'purchase', fault: '429', ms: 1 }, 'Rule 1: the fault 429 does not take the member ms.'],
    [{ call: 'purchase', fault: '429', probability: 2 }, 'Rule 1: probability must be a number from 0 to 1, not 2.'],
    [{ call: 'purchase', fault: '429', relay: 'a' }, 'Rule 1: the call purchase names no relay.'],
    [{ call: 'create', fault: '429', 'idempotency-key': 'a' }, 'Rule 1: the call create has no idempotency key.'],
    [{ call: 'redeem', fault: 'key-rotated' }, 'Rule 1: the fault key-rotated is one of challenge, relay-challenge, not of redeem.'],
    [{ call: 'redeem', fault: '403-then-ready' }, 'Rule 1: the fault 403-then-ready must have the member times.'],
    [{ call: 'redeem', fault: '500-before', status: 302 }, 'Rule 1: the fault 500-before cannot have the status 302.'],
    [{ call: 'redeem', fault: 'extra-headers', headers: { 'a b': 'c' } }, 'Rule 1: headers must be an object of header names and values, not {"a b":"c"}.'],
    [{ call: 'redeem', fault: 'explode' }, 'fault must be one of 429, drop-before, '],
    [{ call: 'redeem', fault: 429 }, 'fault must be one of 429, drop-before, '],
  ])) {
    test(`${JSON.stringify(rule)}: 400, and the rules before stay`, async () => {
      simulator.faults.set([{ call: 'challenge', fault: '429' }]);
      const answer = await step.send(url, FAULTS, { body: { rules: [rule] } });
      assert.deepEqual([answer.status, answer.code], [400, 'fault_invalid']);
      assert.ok(answer.body.errors[0].details.includes(sentence), answer.body.errors[0].details);
      assert.throws(() => simulator.faults.set([rule]), { code: 'fault_invalid' });
      assert.equal(simulator.faults.fired()[0].call, 'challenge');
    });
  }
  test('other mistakes: 400 and 405', async () => {
    assert.equal((await step.send(url, FAULTS, { body: { rules: [], sed: 1 } })).code, 'member_unknown');
    assert.equal((await step.send(url, FAULTS, { body: { rules: [], seed: 1.5 } })).code, 'fault_invalid');
    assert.equal((await step.send(url, FAULTS, { method: 'PUT' })).status, 405);
    assert.equal((await step.send(url, `${FAULTS}/release`, { body: { call: 'x' } })).code, 'fault_invalid');
  });
});
