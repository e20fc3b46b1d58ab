/** What makes a pass good, and what happens to it when it is redeemed. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { assemblePass, preparePurchase } from './reference_client.mjs';
import * as step from './support.mjs';

const DAY_MS = 86_400_000;

/** @type {import('../../simulator/index.mjs').Simulator} */
let simulator;
let url = '';
let clock = Date.parse('2026-11-21T00:00:00Z');
before(async () => {
  simulator = await startSimulator({ now: () => clock });
  url = simulator.url;
});
after(() => simulator.close());

/** @param {'passed' | 'failed'} result @param {object} [body] */
async function readyRelay(result = 'passed', body = {}) {
  const relay = await step.createRelay(url, body);
  simulator.complete(relay.token, { result });
  return relay;
}

describe('a pass that was tampered with is refused, and not spent', () => {
  /** @type {Awaited<ReturnType<typeof step.buyPass>>} */
  let pass;
  /** @type {any} */
  let relay;
  before(async () => {
    pass = await step.buyPass(url);
    relay = await readyRelay();
  });
  const text = (/** @type {string} */ json) => Buffer.from(json).toString('base64url');
  const json = () => Buffer.from(pass.token, 'base64url').toString('utf8');
  const flip = (/** @type {Buffer} */ bytes) => Buffer.from(bytes.map((byte, at) => (at === 100 ? byte ^ 1 : byte)));

  for (const [what, change, code] of /** @type {[string, () => string, string][]} */ ([
    ['not base64url JSON', () => text('nope'), 'pass_malformed'],
    ['trailing bits in base64url', () => 'eyB9IB', 'pass_malformed'],
    ['not UTF-8', () => Buffer.from('{"a":"\xe9"}', 'latin1').toString('base64url'), 'pass_malformed'],
    ['a member too many', () => text(json().replace('{', '{"extra":1,')), 'pass_malformed'],
    ['a member twice', () => text(json().replace('{', `{"token_nonce":"${pass.nonce}",`)), 'pass_malformed'],
    ['no challenge', () => text(`{"token_nonce":"${pass.nonce}","signature":"AA","key_id":"x"}`), 'pass_malformed'],
    ['an upper-case nonce', () => assemblePass({ ...pass, nonce: pass.nonce.toUpperCase() }), 'pass_malformed'],
    ['a short nonce', () => assemblePass({ ...pass, nonce: pass.nonce.slice(2) }), 'pass_malformed'],
    ['another nonce', () => assemblePass({ ...pass, nonce: (pass.nonce[0] === '0' ? '1' : '0') + pass.nonce.slice(1) }), 'pass_signature_invalid'],
    ['a flipped bit in the signature', () => assemblePass({ ...pass, signature: flip(pass.signature) }), 'pass_signature_invalid'],
    ['a short signature', () => assemblePass({ ...pass, signature: pass.signature.subarray(1) }), 'pass_malformed'],
    ['a padded signature', () => text(json().replace(/("signature":"[^"]+)/, '$1==')), 'pass_malformed'],
    ['an unknown key id', () => assemblePass({ ...pass, keyId: 'x' }), 'pass_key_unknown'],
    ['a challenge with another date', () => assemblePass({ ...pass, rawChallenge: pass.rawChallenge.replace(/"20(\d\d)-/, '"21$1-') }), 'challenge_mac_invalid'],
    ['a challenge without its unknown member', () => assemblePass({ ...pass, rawChallenge: JSON.stringify({ ...JSON.parse(pass.rawChallenge), x_notice: undefined }) }), 'challenge_mac_invalid'],
    ['a challenge without its MAC', () => assemblePass({ ...pass, rawChallenge: pass.rawChallenge.replace('"mac"', '"cam"') }), 'challenge_mac_invalid'],
    ['a challenge with a member twice', () => assemblePass({ ...pass, rawChallenge: pass.rawChallenge.replace('{', '{"token_type":2,') }), 'challenge_malformed'],
    ['a challenge that is a string', () => assemblePass({ ...pass, rawChallenge: '"x"' }), 'challenge_malformed'],
    ['a challenge that was parsed and written again', () => assemblePass({ ...pass, rawChallenge: JSON.stringify(JSON.parse(pass.rawChallenge)) }), 'challenge_not_verbatim'],
    ['a challenge with a space more', () => assemblePass({ ...pass, rawChallenge: pass.rawChallenge.replace('{', '{ ') }), 'challenge_not_verbatim'],
    ['a challenge with another escape', () => assemblePass({ ...pass, rawChallenge: pass.rawChallenge.replace('\\u00e9', 'é') }), 'challenge_not_verbatim'],
  ])) {
    test(`${what}: ${code}`, async () => {
      const changed = change();
      assert.notEqual(changed, pass.token);
      const answer = await step.redeem(url, relay, changed);
      assert.deepEqual([answer.status, answer.code], [422, code], answer.text);
    });
  }
  test('the challenge of another pass: its MAC is good, the signature is not', async () => {
    const other = await step.buyPass(url);
    const answer = await step.redeem(url, relay, assemblePass({ ...pass, rawChallenge: other.rawChallenge }));
    assert.equal(answer.code, 'pass_signature_invalid');
  });
  test('the key of another claim type: the MAC is over the key as well', async () => {
    const other = await step.buyPass(url, { 'claim-type': 'live_human_presence' });
    const answer = await step.redeem(url, relay, assemblePass({ ...pass, keyId: other.keyId }));
    assert.equal(answer.code, 'challenge_mac_invalid');
  });
  test('after all that the pass itself is still good', async () => {
    assert.equal(simulator.ledger().spent.total, 0);
    assert.equal((await step.redeem(url, relay, pass.token)).status, 200);
  });
});

test('a pass is good for 90 days, and not a moment more', async () => {
  const [early, late] = [await step.buyPass(url), await step.buyPass(url)];
  const bought = clock;
  clock = bought + 90 * DAY_MS - 1;
  assert.equal((await step.redeem(url, await readyRelay(), early.token)).status, 200);
  clock = bought + 90 * DAY_MS;
  const answer = await step.redeem(url, await readyRelay(), late.token);
  assert.deepEqual([answer.status, answer.code], [422, 'pass_expired']);
});

test('challengeTtlSeconds sets expires_at', async (t) => {
  const brief = await startSimulator({ now: () => clock, challengeTtlSeconds: 60 });
  t.after(() => brief.close());
  const { challenge } = await step.challengeFor(brief.url);
  const { expires_at: expiresAt } = JSON.parse(Buffer.from(challenge, 'base64url').toString());
  assert.equal(Date.parse(expiresAt), clock + 60_000);
});

test('a pass is spent once: on another relay it is a 409', async () => {
  const pass = await step.buyPass(url);
  const [first, second] = [await readyRelay(), await readyRelay()];
  assert.equal((await step.redeem(url, first, pass.token)).status, 200);
  for (const relay of [second, first]) {
    const answer = await step.redeem(url, relay, pass.token);
    assert.deepEqual([answer.status, answer.code], [409, 'pass_spent']);
  }
});

test('a relay is redeemed once: a second pass is a 409, and stays spendable', async () => {
  const [first, second] = [await step.buyPass(url), await step.buyPass(url)];
  const relay = await readyRelay();
  await step.redeem(url, relay, first.token);
  const answer = await step.redeem(url, relay, second.token);
  assert.deepEqual([answer.status, answer.code], [409, 'relay_redeemed']);
  assert.equal((await step.redeem(url, await readyRelay(), second.token)).status, 200);
});

test('a relay that is not completed is a 403, spends nothing, and redeems under the same key afterwards', async () => {
  const pass = await step.buyPass(url);
  const relay = await step.createRelay(url);
  const idempotencyKey = 'not-ready-then-ready';
  const answer = await step.redeem(url, relay, pass.token, { idempotencyKey });
  assert.deepEqual([answer.status, answer.code], [403, 'claim_not_ready']);
  simulator.complete(relay.token, { result: 'passed' });
  assert.equal((await step.redeem(url, relay, pass.token, { idempotencyKey })).body['token-consumed'], true);
});

test('claim types and environments do not mix', async () => {
  const production = await step.buyPass(url, { sandbox: false, apiKey: step.PRODUCTION_KEY });
  const sandbox = await step.buyPass(url);
  const presence = await step.buyPass(url, { 'claim-type': 'live_human_presence' });
  const sandboxRelay = await readyRelay();
  const productionRelay = await readyRelay('passed', { sandbox: false });
  assert.equal((await step.redeem(url, productionRelay, sandbox.token)).code, 'pass_environment_mismatch');
  assert.equal((await step.redeem(url, sandboxRelay, production.token)).code, 'pass_environment_mismatch');
  assert.equal((await step.redeem(url, sandboxRelay, presence.token)).code, 'pass_claim_type_mismatch');
  assert.equal((await step.redeem(url, productionRelay, production.token)).status, 200);
  assert.equal((await step.redeem(url, sandboxRelay, sandbox.token)).status, 200);

  const prepared = preparePurchase(await step.challengeFor(url, { sandbox: false }));
  assert.equal((await step.purchase(url, prepared)).code, 'key_id_unknown');
});
