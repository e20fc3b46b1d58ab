/** Every fault does to the wire and to the books what its name says, over real sockets. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { attempt, calls, endOfConnection, isPending, newPurchase, newRedemption } from './fault_support.mjs';
import { assemblePass, finalize, preparePurchase } from './reference_client.mjs';
import { simulator, url } from './shared.mjs';
import * as step from './support.mjs';

const codeOf = (/** @type {{ text: string }} */ { text }) => JSON.parse(text).errors?.[0].code;

/**
 * What a fault looks like at the client, and whether the call took effect.
 * @type {[fault: string, more: object, processed: boolean, check: (outcome: import('./fault_support.mjs').Outcome, call: string) => void][]}
 */
const FAULTS = [
  ['drop-before', {}, false, ({ status, error }) => assert.deepEqual([status, error], [null, 'ECONNRESET'])],
  ['drop-after', {}, true, ({ status, error }) => assert.deepEqual([status, error], [null, 'ECONNRESET'])],
  ['500-before', {}, false, (outcome) => assert.deepEqual([outcome.status, codeOf(outcome)], [500, 'injected'])],
  ['500-before', { status: 502 }, false, ({ status }) => assert.equal(status, 502)],
  ['500-after', {}, true, (outcome) => assert.deepEqual([outcome.status, codeOf(outcome)], [500, 'injected'])],
  ['500-after', { status: 504 }, true, ({ status }) => assert.equal(status, 504)],
  ['429', {}, false, ({ status, headers }) => assert.deepEqual([status, headers['retry-after']], [429, '1'])],
  ['429', { 'retry-after': 7 }, false, ({ headers }) => assert.equal(headers['retry-after'], '7')],
  ['429', { 'retry-after': 'Fri, 31 Dec 2027 23:59:59 GMT' }, false, ({ headers }) => assert.equal(headers['retry-after'], 'Fri, 31 Dec 2027 23:59:59 GMT')],
  ['truncated', {}, true, ({ status, headers, text, error }, call) => {
    assert.deepEqual([status, error], [call === 'relay-challenge' ? 401 : 200, 'ECONNRESET']);
    assert.ok(text.length > 0 && text.length < Number(headers['content-length']), `${text.length} of ${headers['content-length']}`);
  }],
  ['truncated-chunked', {}, true, ({ status, headers, text, error }, call) => {
    assert.deepEqual([status, headers['transfer-encoding'], error], [call === 'relay-challenge' ? 401 : 200, 'chunked', 'ECONNRESET']);
    assert.throws(() => JSON.parse(text), text);
  }],
  ['malformed-json', {}, true, ({ status, headers, text, error }, call) => {
    assert.deepEqual([status, error, text.length], [call === 'relay-challenge' ? 401 : 200, null, Number(headers['content-length'])]);
    assert.ok(text.startsWith('{'));
    assert.throws(() => JSON.parse(text));
  }],
  ['redirect', { location: 'http://127.0.0.1:9/elsewhere' }, false, ({ status, headers }) => assert.deepEqual([status, headers.location], [302, 'http://127.0.0.1:9/elsewhere'])],
  ['redirect', { location: '/x', status: 308 }, false, ({ status }) => assert.equal(status, 308)],
  ['extra-headers', { headers: { 'X-Extra': 'yes', 'Set-Cookie': 'a=b' } }, true, ({ status, headers }, call) =>
    assert.deepEqual([status, headers['x-extra'], headers['set-cookie']], [call === 'relay-challenge' ? 401 : 200, 'yes', ['a=b']])],
  ['missing-members', {}, true, ({ status, text }) => assert.deepEqual([status, text], [200, '{}'])],
  ['missing-members', { body: { 'token-consumed': 'yes' } }, true, ({ text }) => assert.equal(text, '{"token-consumed":"yes"}')],
];
for (const [fault, more, processed, check] of FAULTS) {
  describe(`${fault} ${JSON.stringify(more)}`, () => {
    for (const call of Object.keys(calls)) {
      test(`${call}: ${processed ? 'processed' : 'not processed'}, once`, async () => {
        const { send, effects, ok } = await calls[call](simulator);
        const earlier = effects();
        simulator.faults.set([{ call, fault, times: 1, ...more }]);
        check(await send(), call);
        if (earlier !== null) assert.equal(effects(), earlier + (processed ? 1 : 0));
        const again = await send();
        assert.deepEqual([again.status, again.error], [ok, null], again.text);
        // A purchase or redemption that was processed is replayed; a second relay is another relay.
        if (earlier !== null) assert.equal(effects(), earlier + (call === 'create' && processed ? 2 : 1));
        assert.deepEqual(simulator.faults.fired().map(({ seen, fired }) => [seen, fired]), [[2, 1]]);
      });
    }
  });
}

describe('connections that are reset are really reset', () => {
  for (const [fault, end, cut] of /** @type {const} */ ([
    ['drop-before', 'reset', /^$/],
    ['drop-after', 'reset', /^$/],
    ['truncated', 'reset', /\r\nContent-Length: \d+\r\n[^]*\r\n\r\n\{"challenge":"[\w-]+$/],
    ['truncated-chunked', 'orderly', /\r\nTransfer-Encoding: chunked\r\n[^]*\r\n\r\n[0-9a-f]+\r\n\{"challenge":"[\w-]+\r\n$/],
  ])) {
    test(`${fault}: ${end}`, async () => {
      simulator.faults.set([{ call: 'challenge', fault }]);
      const outcome = await endOfConnection(url, `${step.RELAYS}/challenge`, { 'claim-type': step.CLAIM_TYPE });
      assert.equal(outcome.end, end);
      assert.match(outcome.text, cut);
    });
  }
  test('release with drop: reset', async () => {
    simulator.faults.set([{ call: 'challenge', 'hold-after': true }]);
    const ending = endOfConnection(url, `${step.RELAYS}/challenge`, { 'claim-type': step.CLAIM_TYPE });
    await simulator.faults.processed('challenge');
    simulator.faults.release({ drop: true });
    assert.deepEqual(await ending, { end: 'reset', text: '' });
  });
});

describe('hang and slow', () => {
  for (const call of Object.keys(calls)) {
    for (const [fault, effect] of /** @type {const} */ ([['hang-before', 0], ['hang-after', 1]])) {
      test(`${call} ${fault}: no answer until it is released`, async () => {
        const { send, effects, ok } = await calls[call](simulator);
        const earlier = effects();
        simulator.faults.set([{ call, fault }]);
        const hanging = send();
        assert.ok(await isPending(hanging));
        if (earlier !== null) assert.equal(effects(), earlier + effect);
        assert.equal(simulator.faults.release(), 1);
        assert.equal((await hanging).status, ok);
        if (earlier !== null) assert.equal(effects(), earlier + 1);
      });
    }
    test(`${call} hang-after for a time, slow: answered then`, async () => {
      const { send, ok } = await calls[call](simulator);
      for (const fault of ['hang-before', 'hang-after', 'slow']) {
        simulator.faults.set([{ call, fault, ms: 120 }]);
        const started = performance.now();
        assert.equal((await send()).status, ok);
        assert.ok(performance.now() - started >= 115, fault);
      }
    });
  }
  test('a released hang can be dropped; reset and close drop, clear answers', async (t) => {
    const other = await startSimulator();
    t.after(() => other.close());
    for (const [end, expected] of /** @type {[() => unknown, string | null][]} */ ([
      [() => other.faults.release({ drop: true }), 'ECONNRESET'],
      [() => other.faults.clear(), null],
      [() => other.reset(), 'ECONNRESET'],
      [() => other.close(), 'ECONNRESET'],
    ])) {
      other.faults.set([{ call: 'challenge', fault: 'hang-before' }]);
      const { send } = await calls.challenge(other);
      const hanging = send();
      assert.ok(await isPending(hanging));
      end();
      assert.equal((await hanging).error, expected);
    }
  });
  test('a client that goes away ends a hang without end, and is no reason not to process one with an end', async () => {
    for (const [ms, billed] of /** @type {const} */ ([[undefined, 0], [150, 1]])) {
      const { request } = await newPurchase(url);
      simulator.faults.set([{ call: 'purchase', fault: 'hang-before', ...(ms && { ms }) }]);
      const gone = new AbortController();
      const hanging = attempt(url, { ...request, signal: gone.signal });
      assert.ok(await isPending(hanging));
      gone.abort();
      assert.equal((await hanging).error, 'ABORT_ERR');
      await new Promise((resolve) => setTimeout(resolve, 150));
      assert.deepEqual([simulator.ledger().billed.total, simulator.faults.view().held], [billed, []]);
    }
  });
});

describe('wrong signatures', () => {
  const signature = (/** @type {{ text: string }} */ { text }) => Buffer.from(JSON.parse(text)['blind-sig'], 'base64url');
  for (const [fault, length] of /** @type {const} */ ([['wrong-signature', 256], ['wrong-signature-length', 255]])) {
    test(`${fault}: billed, kept under the key, and does not verify`, async () => {
      const { send, prepared } = await newPurchase(url);
      simulator.faults.set([{ call: 'purchase', fault, times: 1 }]);
      const forged = await send();
      assert.deepEqual([forged.status, signature(forged).length], [200, length]);
      assert.throws(() => finalize(prepared, JSON.parse(forged.text)['blind-sig']), /bad signature/);
      assert.equal((await send()).text, forged.text);
      assert.equal(simulator.ledger().billed.total, 1);
    });
    test(`${fault}, remember false: the key has the good one`, async () => {
      const { send, pass } = await newPurchase(url);
      simulator.faults.set([{ call: 'purchase', fault, times: 1, remember: false }]);
      const forged = await send();
      assert.throws(() => pass(forged));
      pass(await send());
      assert.equal(simulator.ledger().billed.total, 1);
    });
    test(`${fault}: a refusal stays a refusal`, async () => {
      const { request } = await newPurchase(url);
      simulator.faults.set([{ call: 'purchase', fault }]);
      assert.equal((await attempt(url, { ...request, body: { ...request.body, 'key-id': 'x' } })).status, 422);
    });
  }
});

describe('challenges', () => {
  const issued = (/** @type {import('./fault_support.mjs').Outcome} */ { status, text, headers }) => {
    const [, challenge, tokenKey, tokenKeyId] = /challenge="(.*?)", token-key="(.*?)", token-key-id="(.*?)"/.exec(headers['www-authenticate'] ?? '') ?? [];
    if (status === 401) return { challenge, tokenKey, tokenKeyId };
    const body = JSON.parse(text);
    return { challenge: body.challenge, tokenKey: body['token-key'], tokenKeyId: body['token-key-id'] };
  };
  const expiry = (/** @type {{ challenge: string }} */ { challenge }) => Date.parse(JSON.parse(Buffer.from(challenge, 'base64url').toString()).expires_at);
  for (const call of ['challenge', 'relay-challenge']) {
    test(`${call} expired: an hour ago, or as long ago as asked; a pass for it is not taken`, async () => {
      const { send } = await calls[call](simulator);
      simulator.faults.set([{ call, fault: 'expired-challenge', times: 1 }, { call, fault: 'expired-challenge', ms: 5000, times: 1 }]);
      const hour = issued(await send());
      assert.ok(Math.abs(expiry(hour) + 3_600_000 - Date.now()) < 2000);
      assert.ok(Math.abs(expiry(issued(await send())) + 5000 - Date.now()) < 2000);
      assert.ok(expiry(issued(await send())) > Date.now());
      const prepared = preparePurchase(hour);
      const bought = await step.purchase(url, prepared);
      const pass = assemblePass({ ...prepared, keyId: prepared.tokenKeyId, signature: finalize(prepared, bought.body['blind-sig']) });
      const { send: redeem } = await newRedemption(simulator, { pass });
      assert.equal(codeOf(await redeem()), 'pass_expired');
    });
    test(`${call}, key rotated after it: the purchase is refused, the next challenge has the new key`, async () => {
      const { send } = await calls[call](simulator);
      simulator.faults.set([{ call, fault: 'key-rotated', times: 1 }]);
      const [old, fresh] = [issued(await send()), issued(await send())];
      assert.notEqual(old.tokenKeyId, fresh.tokenKeyId);
      assert.equal((await step.purchase(url, preparePurchase(old))).code, 'key_id_unknown');
      assert.equal((await step.purchase(url, preparePurchase(fresh))).status, 200);
      assert.equal(simulator.ledger().billed.total, 1);
    });
  }
  for (const call of ['challenge', 'relay-challenge']) {
    test(`${call} with a key of its own: per request, or per header; it signs, and nobody else is shown it`, async () => {
      const { send } = await calls[call](simulator);
      simulator.faults.set([{ call, fault: 'own-key', times: 2 }, { call, fault: 'own-key', per: 'Host', times: 2 }]);
      const offered = [];
      for (let i = 0; i < 5; i += 1) offered.push(issued(await send()));
      const [first, second, ours, again, everybodys] = offered.map(({ tokenKey }) => tokenKey);
      assert.equal(ours, again);
      assert.equal(new Set([first, second, ours, everybodys]).size, 4);
      assert.equal(everybodys, (await simulator.issuerKey({ claimType: step.CLAIM_TYPE, sandbox: true })).tokenKey);
      for (const challenge of offered) {
        const prepared = preparePurchase(challenge);
        const bought = await step.purchase(url, prepared);
        const pass = assemblePass({ ...prepared, keyId: prepared.tokenKeyId, signature: finalize(prepared, bought.body['blind-sig']) });
        assert.equal((await (await newRedemption(simulator, { pass })).send()).status, 200);
      }
    });
    test(`${call} with a wrong key id: the key is what it was, and signs under either`, async () => {
      const { send } = await calls[call](simulator);
      simulator.faults.set([{ call, fault: 'wrong-key-id', times: 1 }, { call, fault: 'wrong-key-id', 'key-id': 'marked', times: 1 }]);
      const [random, marked, right] = [issued(await send()), issued(await send()), issued(await send())];
      assert.equal(new Set([random, marked, right].map(({ tokenKey }) => tokenKey)).size, 1);
      assert.match(String(random.tokenKeyId), /^[\w-]{43}$/);
      assert.deepEqual([marked.tokenKeyId, random.tokenKeyId === right.tokenKeyId], ['marked', false]);
      for (const challenge of [random, marked, right]) assert.equal((await step.purchase(url, preparePurchase(challenge))).status, 200);
    });
  }
  test('rotations at once leave one key that signs', async () => {
    simulator.faults.set([{ call: 'challenge', fault: 'key-rotated', times: 3 }]);
    const { send } = await calls.challenge(simulator);
    const challenges = [...(await Promise.all([send(), send(), send()])), await send()].map(issued);
    const statuses = [];
    for (const challenge of challenges) statuses.push((await step.purchase(url, preparePurchase(challenge))).status);
    assert.deepEqual(statuses, [422, 422, 422, 200]);
  });
});

test('403-then-ready: the relay is completed and yet not ready, as often as asked', async () => {
  const { send } = await newRedemption(simulator);
  simulator.faults.set([{ call: 'redeem', fault: '403-then-ready', times: 2 }]);
  for (let i = 0; i < 2; i += 1) assert.deepEqual([403, 'claim_not_ready'], await send().then((outcome) => [outcome.status, codeOf(outcome)]));
  assert.equal(simulator.ledger().spent.total, 0);
  assert.equal((await send()).status, 200);
});
