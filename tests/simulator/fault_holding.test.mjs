/** hold-after: the moment at which a call was processed and not answered yet. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attempt, calls, isPending, newPurchase } from './fault_support.mjs';
import { simulator, url } from './shared.mjs';
import * as step from './support.mjs';

const FAULTS = '/_simulator/faults';

describe('hold-after', () => {
  for (const call of Object.keys(calls)) {
    test(`${call}: told once it is processed, answered once it is released`, async () => {
      const { send, effects, ok, relayToken, idempotencyKey } = await calls[call](simulator);
      const earlier = effects();
      simulator.faults.set([{ call, 'hold-after': true, times: 1 }]);
      const waiting = simulator.faults.processed(call);
      assert.ok(await isPending(waiting));
      const held = send();
      const event = await waiting;
      if (earlier !== null) assert.equal(effects(), earlier + 1);
      assert.match(event.requestId, /^req_/);
      if (call !== 'create') assert.deepEqual([event.relayToken, event.idempotencyKey], [relayToken, idempotencyKey]);
      else assert.ok(Object.hasOwn(simulator.ledger().relays, event.relayToken ?? ''));
      assert.deepEqual([event.call, event.status], [call, ok]);
      assert.ok(await isPending(held));
      assert.equal(simulator.faults.release({ call, requestId: event.requestId }), 1);
      assert.equal((await held).status, ok);
    });
  }
  test('with a fault: held first, then the fault', async () => {
    const { send } = await newPurchase(url);
    simulator.faults.set([{ call: 'purchase', fault: 'drop-after', 'hold-after': true, times: 1 }]);
    const held = send();
    await simulator.faults.processed('purchase');
    assert.equal(simulator.ledger().billed.total, 1);
    simulator.faults.release();
    assert.equal((await held).error, 'ECONNRESET');
    assert.equal((await send()).status, 200);
    assert.equal(simulator.ledger().billed.total, 1);
  });
  test('over HTTP: a waiter before and one after, releases by call, drops; nobody told twice', async () => {
    const processed = (/** @type {string} */ query) => step.send(url, `${FAULTS}/processed?${query}`, { method: 'GET' });
    const release = (/** @type {object} */ body) => step.send(url, `${FAULTS}/release`, { body }).then(({ body }) => body);
    const [one, two] = [await newPurchase(url, 'one'), await newPurchase(url, 'two')];
    await step.send(url, FAULTS, { body: { rules: [{ call: 'purchase', 'hold-after': true }] } });
    const early = processed('call=purchase');
    assert.ok(await isPending(early));
    const first = one.send();
    assert.equal((await early).body.processed.idempotencyKey, 'one');
    const second = two.send();
    await isPending(second);
    const { processed: event } = (await processed('call=purchase')).body;
    assert.deepEqual([event.idempotencyKey, event.relayToken, event.status], ['two', null, 200]);
    assert.deepEqual((await processed('call=purchase&timeout-ms=30')).body, { processed: null });
    assert.deepEqual(await release({ call: 'redeem' }), { released: 0 });
    assert.deepEqual(await release({ 'request-id': event.requestId, drop: true }), { released: 1 });
    assert.equal((await second).error, 'ECONNRESET');
    assert.deepEqual(await release({ call: 'purchase' }), { released: 1 });
    assert.equal((await first).status, 200);
    assert.equal((await processed('call=nothing')).code, 'fault_invalid');
    assert.equal((await processed('')).code, 'fault_invalid');
    assert.equal((await processed('call=purchase&wait=1')).code, 'fault_invalid');
  });
  test('a waiter that went away takes no event with it', async () => {
    const gone = new AbortController();
    const leaving = fetch(`${url}${FAULTS}/processed?call=purchase`, { signal: gone.signal }).catch(() => null);
    assert.ok(await isPending(leaving));
    gone.abort();
    await leaving;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const { send } = await newPurchase(url, 'mine');
    simulator.faults.set([{ call: 'purchase', 'hold-after': true }]);
    const held = send();
    assert.equal((await simulator.faults.processed('purchase', { timeoutMs: 2000 })).idempotencyKey, 'mine');
    simulator.faults.clear();
    assert.equal((await held).status, 200);
    await assert.rejects(simulator.faults.processed('purchase', { timeoutMs: 10 }), /^Error: No purchase was processed and held within 10 ms\.$/);
  });
  test('a client that dies while it is held leaves nothing behind, and its retry is replayed', async () => {
    const { request, send } = await newPurchase(url);
    simulator.faults.set([{ call: 'purchase', 'hold-after': true, times: 1 }]);
    const death = new AbortController();
    const dying = attempt(url, { ...request, signal: death.signal });
    await simulator.faults.processed('purchase');
    death.abort();
    await dying;
    assert.equal((await send()).status, 200);
    assert.deepEqual([simulator.ledger().billed.total, simulator.ledger().replayed.purchases, simulator.faults.view().held], [1, 1, []]);
  });
});
