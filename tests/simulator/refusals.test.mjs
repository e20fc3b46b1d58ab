/**
 * Every refusal refuses, for its own reason. Each case changes one thing in a request that is accepted otherwise:
 * the first test of each call sends it unchanged.
 */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { preparePurchase, readTokenKey, toBytes } from './reference_client.mjs';
import * as step from './support.mjs';

/** @type {import('../../simulator/index.mjs').Simulator} */
let simulator;
let url = '';
before(async () => {
  simulator = await startSimulator();
  url = simulator.url;
});
after(() => simulator.close());

/** @param {{ status: number, code?: string, text: string, body: any }} answer @param {number} status @param {string} code */
function assertRefused(answer, status, code) {
  assert.deepEqual([answer.status, answer.code], [status, code], answer.text);
  assert.deepEqual(Object.keys(answer.body.errors[0]), ['title', 'details', 'code']);
}

describe('bodies', () => {
  const path = `${step.RELAYS}/challenge`;
  const good = { 'claim-type': step.CLAIM_TYPE, sandbox: true };
  test('the unchanged request is accepted', async () => {
    assert.equal((await step.send(url, path, { body: good })).status, 200);
    assert.equal((await step.send(url, path, { body: good, headers: { 'Content-Type': 'application/json; charset=utf-8' } })).status, 200);
  });
  for (const [what, body, status, code] of /** @type {[string, any, number, string][]} */ ([
    ['not JSON', '{"claim-type":', 400, 'body_malformed'],
    ['empty', '', 400, 'body_malformed'],
    ['not an object', '["claim-type"]', 400, 'body_malformed'],
    ['null', 'null', 400, 'body_malformed'],
    ['not UTF-8', Buffer.from('{"claim-type":"caf\xe9"}', 'latin1'), 400, 'body_malformed'],
    ['an unknown member', { ...good, extra: 1 }, 400, 'member_unknown'],
    ['a snake_case member', { claim_type: 'x' }, 400, 'member_unknown'],
    ['a member of Object.prototype', '{"claim-type":"x","__proto__":{}}', 400, 'member_unknown'],
    ['a duplicate', '{"claim-type":"x","claim-type":"x"}', 400, 'member_repeated'],
    ['a duplicate by escape', '{"claim-type":"x","claim\\u002dtype":"x"}', 400, 'member_repeated'],
    ['a duplicate in the other case', { 'claim-type': 'x', claimType: 'x' }, 400, 'member_repeated'],
    ['a missing member', { sandbox: true }, 400, 'member_missing'],
    ['a number for a string', { 'claim-type': 1 }, 400, 'member_mistyped'],
    ['a string for a boolean', { ...good, sandbox: 'true' }, 400, 'member_mistyped'],
    ['null for a boolean', { ...good, sandbox: null }, 400, 'member_mistyped'],
    ['an empty claim type', { 'claim-type': '' }, 422, 'claim_type_invalid'],
    ['a claim type with a slash', { 'claim-type': '../x' }, 422, 'claim_type_invalid'],
    ['too large', { 'claim-type': 'x'.repeat(64 * 1024) }, 413, 'body_too_large'],
  ])) {
    test(`${what}: ${code}`, async () => assertRefused(await step.send(url, path, { body }), status, code));
  }
  test('too large and chunked: body_too_large', async () => {
    const stream = new ReadableStream({
      start(controller) {
        for (let i = 0; i < 3; i += 1) controller.enqueue(Buffer.alloc(30_000, 0x20));
        controller.close();
      },
    });
    const answer = await fetch(url + path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: stream, duplex: 'half' });
    assert.equal(answer.status, 413);
  });
  for (const [type, code] of [['text/plain', 'content_type_unsupported'], ['application/json; charset=latin1', 'content_type_unsupported']]) {
    test(`Content-Type ${type}: ${code}`, async () =>
      assertRefused(await step.send(url, path, { body: good, headers: { 'Content-Type': type } }), 415, code));
  }
  test('Content-Encoding: content_encoding_unsupported', async () =>
    assertRefused(await step.send(url, path, { body: good, headers: { 'Content-Encoding': 'gzip' } }), 415, 'content_encoding_unsupported'));
});

describe('paths', () => {
  for (const [path, status, code] of /** @type {[string, number, string][]} */ ([
    ['/', 404, 'path_unknown'],
    [`${step.RELAYS}/`, 404, 'path_unknown'],
    ['//api/privacy/v1/relays', 404, 'path_unknown'],
    [`${step.RELAYS}/relay_x/../challenge`, 404, 'path_unknown'],
    [`${step.RELAYS}/relay%5Fx/generate-claim`, 404, 'path_unknown'],
    [`${step.RELAYS}/${'a'.repeat(129)}/generate-claim`, 404, 'path_unknown'],
    [`${step.RELAYS}/challenge?x=1`, 400, 'query_unexpected'],
    [`${step.RELAYS}/challenge?`, 400, 'query_unexpected'],
  ])) {
    test(`${path.slice(0, 60)}: ${code}`, async () =>
      assertRefused(await step.send(url, path, { body: { 'claim-type': 'x' } }), status, code));
  }
  test('another method is a 405 that allows POST', async () => {
    const answer = await step.send(url, step.RELAYS, { method: 'GET' });
    assertRefused(answer, 405, 'method_not_allowed');
    assert.equal(answer.headers.allow, 'POST');
  });
});

describe('create and challenge carry no credentials', () => {
  const calls = /** @type {[string, string, object][]} */ ([
    ['create', step.RELAYS, { 'claim-type': 'x', 'encryption-key-pem': null }],
    ['challenge', `${step.RELAYS}/challenge`, { 'claim-type': step.CLAIM_TYPE, sandbox: true }],
  ]);
  for (const [call, path, body] of calls) {
    for (const [headers, code] of /** @type {[Record<string, string>, string][]} */ ([
      [{ Authorization: `Bearer ${step.SANDBOX_KEY}` }, 'api_key_on_anonymous_call'],
      [{ Authorization: 'bearer anything' }, 'api_key_on_anonymous_call'],
      [{ Authorization: 'PrivateToken token=eA' }, 'authorization_unexpected'],
      [{ 'X-Key': 'persona_production_of_somebody' }, 'api_key_on_anonymous_call'],
      [{ 'Persona-Relay-Secret': 's' }, 'relay_secret_unexpected'],
      [{ 'Key-Inflection': 'shouting' }, 'key_inflection_invalid'],
      [{ 'Persona-Version': 'latest' }, 'persona_version_invalid'],
    ])) {
      test(`${call} with ${Object.keys(headers)}: ${code}`, async () => assertRefused(await step.send(url, path, { headers, body }), 400, code));
    }
    test(`${call} with Persona-Version is accepted`, async () =>
      assert.equal((await step.send(url, path, { headers: { 'Persona-Version': '2026-01-01' }, body })).status, 200));
  }
});

describe('create: the encryption key', () => {
  const rsa = (/** @type {number} */ bits) => crypto.generateKeyPairSync('rsa', { modulusLength: bits });
  const spki = (/** @type {crypto.KeyObject} */ key) => String(key.export({ type: 'spki', format: 'pem' }));
  const good = rsa(2048);
  const create = (/** @type {any} */ pem) => step.send(url, step.RELAYS, { body: { 'claim-type': 'x', 'encryption-key-pem': pem } });
  test('2048 bits is accepted', async () => assert.equal((await create(spki(good.publicKey))).status, 200));
  for (const [what, pem] of /** @type {[string, () => string][]} */ ([
    ['1024 bits', () => spki(rsa(1024).publicKey)],
    ['an elliptic curve key', () => spki(crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey)],
    ['a PKCS#1 key', () => String(good.publicKey.export({ type: 'pkcs1', format: 'pem' }))],
    ['a private key', () => String(good.privateKey.export({ type: 'pkcs8', format: 'pem' }))],
    ['two keys', () => spki(good.publicKey) + spki(good.publicKey)],
    ['a broken key', () => spki(good.publicKey).replace('MII', 'MIJ')],
    ['nothing', () => ''],
  ])) {
    test(`${what}: 422`, async () => assertRefused(await create(pem()), 422, 'encryption_key_invalid'));
  }
  test('left out: 400', async () =>
    assertRefused(await step.send(url, step.RELAYS, { body: { 'claim-type': 'x' } }), 400, 'member_missing'));
});

describe('purchase', () => {
  /** @type {ReturnType<typeof preparePurchase>} */
  let prepared;
  before(async () => {
    prepared = preparePurchase(await step.challengeFor(url));
  });
  test('the unchanged request is accepted, and billed', async () => {
    const before = simulator.ledger().billed.total;
    assert.equal((await step.purchase(url, prepared)).status, 200);
    assert.equal(simulator.ledger().billed.total, before + 1);
  });
  for (const [what, change, status, code] of /** @type {[string, () => any, number, string][]} */ ([
    ['no API key', () => ({ headers: { Authorization: '' } }), 401, 'api_key_invalid'],
    ['a wrong API key', () => ({ apiKey: 'persona_sandbox_other' }), 401, 'api_key_invalid'],
    ['the API key as Basic', () => ({ headers: { Authorization: `Basic ${step.SANDBOX_KEY}` } }), 401, 'api_key_invalid'],
    ['two Authorizations', () => ({ headers: { Authorization: [`Bearer ${step.SANDBOX_KEY}`, 'Bearer x'] } }), 400, 'header_repeated'],
    ['the API key of the other environment', () => ({ apiKey: step.PRODUCTION_KEY }), 422, 'key_id_unknown'],
    ['a relay secret', () => ({ headers: { 'Persona-Relay-Secret': 'x' } }), 400, 'relay_secret_unexpected'],
    ['no idempotency key', () => ({ headers: { 'Idempotency-Key': '' } }), 400, 'idempotency_key_missing'],
    ['an idempotency key of 256 characters', () => ({ idempotencyKey: 'k'.repeat(256) }), 400, 'idempotency_key_invalid'],
    ['an unknown key id', () => ({ body: { 'blinded-token': prepared.blindedToken, 'key-id': 'x' } }), 422, 'key_id_unknown'],
    ['padding', () => ({ body: { 'blinded-token': `${prepared.blindedToken}==`, 'key-id': prepared.tokenKeyId } }), 422, 'blinded_token_encoding'],
    ['the standard alphabet', () => ({ body: { 'blinded-token': `${'+/'.repeat(171)}`, 'key-id': prepared.tokenKeyId } }), 422, 'blinded_token_encoding'],
    ['trailing bits', () => ({ body: { 'blinded-token': `${'A'.repeat(341)}B`, 'key-id': prepared.tokenKeyId } }), 422, 'blinded_token_encoding'],
    ['a byte too few', () => ({ body: { 'blinded-token': Buffer.alloc(255, 1).toString('base64url'), 'key-id': prepared.tokenKeyId } }), 422, 'blinded_token_range'],
    ['a byte too many', () => ({ body: { 'blinded-token': Buffer.alloc(257).toString('base64url'), 'key-id': prepared.tokenKeyId } }), 422, 'blinded_token_range'],
    ['the modulus itself', () => ({ body: { 'blinded-token': toBytes(prepared.n, 256).toString('base64url'), 'key-id': prepared.tokenKeyId } }), 422, 'blinded_token_range'],
    ['another member', () => ({ body: { 'blinded-token': prepared.blindedToken, 'key-id': prepared.tokenKeyId, nonce: 'x' } }), 400, 'member_unknown'],
  ])) {
    test(`${what}: ${code}, and nothing is billed`, async () => {
      const before = simulator.ledger().billed.total;
      assertRefused(await step.purchase(url, prepared, change()), status, code);
      assert.equal(simulator.ledger().billed.total, before);
    });
  }
  test('one below the modulus is signed, so the bound is exact', async () => {
    const { n } = readTokenKey((await step.challengeFor(url)).tokenKey);
    const answer = await step.purchase(url, { ...prepared, blindedToken: toBytes(n - 1n, 256).toString('base64url') });
    assert.equal(answer.status, 200);
  });
});

describe('redeem: the request', () => {
  /** @type {any} */ let relay;
  /** @type {any} */ let pass;
  before(async () => {
    relay = await step.createRelay(url);
    pass = await step.buyPass(url);
    simulator.complete(relay.token, { result: 'failed' });
  });
  test('the unchanged request is accepted', async () => {
    const agents = ['node', 'undici', 'Deno/2.9.6', 'Bun/1.4.5', 'Cloudflare-Workers', 'Edge Runtime', 'Next.js Middleware'];
    for (const agent of agents) assert.equal((await step.redeem(url, relay, pass.token, { headers: { 'User-Agent': agent } })).status, 200);
    assert.equal((await step.redeem(url, relay, pass.token, { headers: { Accept: '*/*' } })).status, 200);
  });
  test('an unknown relay, a wrong secret and none look the same', async () => {
    const answers = [
      await step.redeem(url, { ...relay, token: 'relay_unknown' }, pass.token),
      await step.redeem(url, { ...relay, secret: crypto.randomUUID() }, pass.token),
      await step.redeem(url, { ...relay, secret: '' }, pass.token),
      await step.send(url, `${step.RELAYS}/relay_unknown/generate-claim`, { headers: { 'Persona-Relay-Secret': 'x' } }),
      await step.send(url, `${step.RELAYS}/${relay.token}/generate-claim`, { headers: { 'Persona-Relay-Secret': 'x' } }),
      await step.send(url, `${step.RELAYS}/${relay.token}/generate-claim`),
    ];
    for (const answer of answers) {
      assertRefused(answer, 404, 'relay_not_found');
      assert.equal(answer.text, answers[0].text);
      assert.equal(answer.headers['www-authenticate'], undefined);
    }
  });
  for (const [headers, code] of /** @type {[Record<string, any>, string][]} */ ([
    [{ Authorization: `Bearer ${step.SANDBOX_KEY}` }, 'api_key_on_anonymous_call'],
    [{ Authorization: 'Bearer' }, 'api_key_on_anonymous_call'],
    [{ 'Idempotency-Key': step.PRODUCTION_KEY }, 'api_key_on_anonymous_call'],
    [{ Authorization: 'Basic eA==' }, 'authorization_unexpected'],
    [{ Authorization: 'PrivateToken token="eyJ9"' }, 'private_token_malformed'],
    [{ Authorization: 'PrivateToken token=eyJ9==' }, 'private_token_malformed'],
    [{ Authorization: 'PrivateToken' }, 'private_token_malformed'],
    [{ 'Idempotency-Key': '' }, 'idempotency_key_missing'],
    [{ 'Idempotency-Key': 'a b' }, 'idempotency_key_invalid'],
    [{ 'Idempotency-Key': 'k'.repeat(256) }, 'idempotency_key_invalid'],
    [{ 'User-Agent': 'relay-edge/1.0' }, 'identifying_header'],
    [{ 'User-Agent': 'node-fetch' }, 'identifying_header'],
    [{ 'User-Agent': 'Next.js Middleware of a platform' }, 'identifying_header'],
    [{ 'X-Forwarded-For': '192.0.2.1' }, 'identifying_header'],
    [{ Forwarded: 'for=192.0.2.1' }, 'identifying_header'],
    [{ Via: '1.1 gateway' }, 'identifying_header'],
    [{ Cookie: 'a=b' }, 'identifying_header'],
    [{ Referer: 'https://platform.example/' }, 'identifying_header'],
    [{ Origin: 'https://platform.example' }, 'identifying_header'],
    [{ 'Persona-Version': '2026-01-01' }, 'identifying_header'],
    [{ Traceparent: '00-1-1-00' }, 'identifying_header'],
    [{ 'Accept-Language': 'de-AT' }, 'identifying_header'],
    [{ 'Persona-Relay-Secret': ['a', 'b'] }, 'header_repeated'],
  ])) {
    test(`${JSON.stringify(headers).slice(0, 60)}: ${code}`, async () =>
      assertRefused(await step.redeem(url, relay, pass.token, { headers }), 400, code));
  }
  test('a body that is not {}: 400', async () => {
    assertRefused(await step.redeem(url, relay, pass.token, { body: '' }), 400, 'body_malformed');
    assertRefused(await step.redeem(url, relay, pass.token, { body: { a: 1 } }), 400, 'member_unknown');
  });
  test('headers of a hosting platform are counted, and refused only on request', async (t) => {
    const headers = { 'CF-Worker': 'platform.example' };
    assert.equal((await step.redeem(url, relay, pass.token, { headers })).status, 200);
    assert.deepEqual(simulator.ledger().platformHeaders, { 'cf-worker': 1 });
    const stricter = await startSimulator({ refusePlatformHeaders: true });
    t.after(() => stricter.close());
    const other = await step.createRelay(stricter.url);
    assertRefused(await step.redeem(stricter.url, other, pass.token, { headers }), 400, 'identifying_header');
  });
});
