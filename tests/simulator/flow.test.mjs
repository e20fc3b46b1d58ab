/** The whole life of a relay, against an independent client (reference_client.mjs). */
import assert from 'node:assert/strict';
import crypto from 'node:crypto';
import { describe, test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { finalize, preparePurchase, assemblePass } from './reference_client.mjs';
import { simulator, url } from './shared.mjs';
import * as step from './support.mjs';

describe('a relay, from creation to claim', () => {
  for (const [modulusLength, spki, keyIdFormat] of /** @type {const} */ ([
    [2048, 'rsaEncryption', 'base64url'],
    [2048, 'rsassaPss', 'hex'],
    [3072, 'rsassaPss', 'base64url'],
    [4096, 'rsaEncryption', 'hex'],
  ])) {
    test(`${modulusLength} bits, ${spki}, key id in ${keyIdFormat}`, async (t) => {
      const simulator = await startSimulator({ modulusLength, spki, keyIdFormat });
      t.after(() => simulator.close());
      const relay = await step.createRelay(simulator.url);
      const issued = await step.challengeFor(simulator.url);
      const key = crypto.createPublicKey({ key: Buffer.from(issued.tokenKey, 'base64url'), format: 'der', type: 'spki' });
      assert.equal(key.asymmetricKeyType, spki === 'rsassaPss' ? 'rsa-pss' : 'rsa');
      assert.equal(key.asymmetricKeyDetails?.modulusLength, modulusLength);
      if (spki === 'rsassaPss') {
        const { hashAlgorithm, mgf1HashAlgorithm, saltLength } = key.asymmetricKeyDetails ?? {};
        assert.deepEqual([hashAlgorithm, mgf1HashAlgorithm, saltLength], ['sha384', 'sha384', 48]);
      }
      assert.match(issued.tokenKeyId, keyIdFormat === 'hex' ? /^[0-9a-f]{64}$/ : /^[\w-]{43}$/);

      const pass = await step.buyPass(simulator.url);
      assert.equal(pass.signature.length, modulusLength / 8);
      assert.deepEqual(simulator.complete(relay.token, { result: 'passed' }), { relayToken: relay.token, state: 'passed' });
      const answer = await step.redeem(simulator.url, relay, pass.token);
      assert.equal(answer.status, 200, answer.text);
      assert.deepEqual(Object.keys(answer.body), ['claim-payload', 'token-consumed']);
      assert.equal(answer.body['token-consumed'], true);
      assert.deepEqual(JSON.parse(answer.body['claim-payload']), { claim_type: step.CLAIM_TYPE, claim_result: 'passed' });

      const ledger = simulator.ledger();
      assert.equal(ledger.billed.total, 1);
      assert.deepEqual(ledger.billed.byApiKey, { [step.SANDBOX_KEY]: 1 });
      assert.deepEqual(ledger.billed.byEnvironment, { sandbox: 1 });
      assert.deepEqual(ledger.billed.byClaimType, { [step.CLAIM_TYPE]: 1 });
      assert.equal(ledger.spent.total, 1);
      assert.equal(ledger.relays[relay.token].redeemed, true);
      assert.deepEqual(ledger.refused, { total: 0, byCode: {} });
    });
  }
});

describe('with one simulator', () => {
  test('the relay form of the challenge is a 401 with an errors body, and its pass redeems', async () => {
    const relay = await step.createRelay(url);
    const path = `${step.RELAYS}/${relay.token}/generate-claim`;
    for (const body of ['', '{}']) {
      const answer = await step.send(url, path, { headers: { 'Persona-Relay-Secret': relay.secret }, body });
      assert.deepEqual([answer.status, answer.code], [401, 'private_token_required']);
    }
    const { headers } = await step.send(url, path, { headers: { 'Persona-Relay-Secret': relay.secret } });
    const [, challenge, tokenKey, tokenKeyId] =
      /^PrivateToken challenge="([\w-]+)", token-key="([\w-]+)", token-key-id="([\w-]+)"$/.exec(headers['www-authenticate'] ?? '') ?? [];
    assert.ok(challenge, 'the header has the three parameters');
    const prepared = preparePurchase({ challenge, tokenKey, tokenKeyId });
    const bought = await step.purchase(url, prepared);
    const pass = assemblePass({ ...prepared, keyId: tokenKeyId, signature: finalize(prepared, bought.body['blind-sig']) });
    simulator.complete(relay.token, { result: 'passed' });
    assert.equal((await step.redeem(url, relay, pass)).status, 200);
  });

  test('the challenge is documented members plus text that only a verbatim echo keeps', async () => {
    const { challenge } = await step.challengeFor(url);
    const text = Buffer.from(challenge, 'base64url').toString('utf8');
    const parsed = JSON.parse(text);
    assert.equal(parsed.token_type, 2);
    assert.equal(parsed.issuer_name, 'withpersona.com/api/v1/privacy-passes');
    assert.equal(parsed.origin_info, '/api/privacy/v1/relays');
    assert.ok(typeof parsed.mac === 'string' && parsed.mac.length > 0);
    assert.ok(Math.abs(Date.parse(parsed.expires_at) - Date.now() - 90 * 86_400_000) < 60_000);
    assert.notEqual(JSON.stringify(parsed), text);
    assert.notEqual((await step.challengeFor(url)).challenge, challenge);
  });

  test('a failing claim hands the pass back, and the pass then redeems another relay', async () => {
    const failing = await step.createRelay(url);
    const passing = await step.createRelay(url);
    const pass = await step.buyPass(url);
    simulator.complete(failing.token, { result: 'failed', methodology: [{ method: 'live_selfie', result: 'failed' }] });
    simulator.complete(passing.token, { result: 'passed' });

    const failed = await step.redeem(url, failing, pass.token);
    assert.equal(failed.body['token-consumed'], false);
    assert.deepEqual(JSON.parse(failed.body['claim-payload']), {
      claim_type: step.CLAIM_TYPE,
      claim_result: 'failed',
      methodology: [{ method: 'live_selfie', result: 'failed' }],
    });
    assert.equal(simulator.ledger().spent.total, 0);
    assert.equal(simulator.ledger().refunded.total, 1);
    assert.equal((await step.redeem(url, passing, pass.token)).body['token-consumed'], true);
    assert.equal(simulator.ledger().spent.total, 1);
  });

  test('a claim encrypted to the relay opens with OpenSSL defaults', async () => {
    const { publicKey, privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
    const relay = await step.createRelay(url, { 'encryption-key-pem': publicKey.export({ type: 'spki', format: 'pem' }) });
    const methodology = [{ method: 'facial_age_estimation', result: 'passed' }];
    simulator.complete(relay.token, { result: 'passed', methodology: /** @type {any} */ (methodology) });
    const { body } = await step.redeem(url, relay, (await step.buyPass(url)).token);
    assert.match(body['claim-payload'], /^[A-Za-z0-9+/]{342}==$/);
    const clear = crypto.privateDecrypt(privateKey, Buffer.from(body['claim-payload'], 'base64'));
    assert.deepEqual(JSON.parse(clear.toString()), { claim_type: step.CLAIM_TYPE, claim_result: 'passed', methodology });
  });

  test('a claim too long for the encryption key is refused when it is set', async () => {
    const { publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
    const relay = await step.createRelay(url, { 'encryption-key-pem': publicKey.export({ type: 'spki', format: 'pem' }) });
    const methodology = Array(4).fill({ method: 'facial_age_estimation', result: 'passed' });
    const answer = await step.send(url, `/_simulator/relays/${relay.token}/complete`, { body: { result: 'passed', methodology } });
    assert.deepEqual([answer.status, answer.code], [422, 'claim_too_long']);
    assert.equal(simulator.ledger().relays[relay.token].state, 'pending');
  });

  test('the session access token is a JWT that expires in 30 minutes', async () => {
    const { access } = await step.createRelay(url);
    const [head, payload, signature] = access.split('.').map((/** @type {string} */ part) => Buffer.from(part, 'base64url'));
    assert.equal(JSON.parse(head).alg, 'HS256');
    const { iat, exp } = JSON.parse(payload);
    assert.equal(exp - iat, 30 * 60);
    assert.equal(signature.length, 32);
  });

  test('keys are camelCase unless kebab-case is asked for, and both are understood', async () => {
    const camel = await step.send(url, step.RELAYS, { kebab: false, body: { claimType: 'new_claim_type', encryptionKeyPem: null } });
    assert.deepEqual(Object.keys(camel.body), ['relayToken', 'relaySecret', 'relaySessionAccessToken']);
    const kebab = await step.send(url, step.RELAYS, { body: { 'claim-type': 'new_claim_type', 'encryption-key-pem': null } });
    assert.deepEqual(Object.keys(kebab.body), ['relay-token', 'relay-secret', 'relay-session-access-token']);
    assert.match(kebab.body['relay-token'], /^relay_\w+$/);
    assert.equal(simulator.ledger().relays[kebab.body['relay-token']].environment, 'production');
  });

  test('responses carry Request-Id, and rate limits when authenticated', async () => {
    const prepared = preparePurchase(await step.challengeFor(url));
    const first = await step.purchase(url, prepared);
    const second = await step.purchase(url, prepared);
    assert.match(String(first.headers['request-id']), /^req_/);
    assert.notEqual(first.headers['request-id'], second.headers['request-id']);
    assert.equal(first.headers['ratelimit-limit'], '300');
    assert.equal(Number(first.headers['ratelimit-remaining']) - Number(second.headers['ratelimit-remaining']), 1);
    assert.match(String(first.headers['ratelimit-reset']), /^\d+$/);
    const anonymous = await step.send(url, `${step.RELAYS}/challenge`, { body: { 'claim-type': 'x' } });
    assert.match(String(anonymous.headers['request-id']), /^req_/);
    assert.equal(anonymous.headers['ratelimit-limit'], undefined);
  });

  test('the headers that the fetch of this runtime adds are no reason to refuse a redemption', async () => {
    const relay = await step.createRelay(url);
    const pass = await step.buyPass(url);
    simulator.complete(relay.token, { result: 'passed' });
    const answer = await fetch(`${url}${step.RELAYS}/${relay.token}/generate-claim`, {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        Authorization: `PrivateToken token=${pass.token}`,
        'Persona-Relay-Secret': relay.secret,
        'Idempotency-Key': crypto.randomUUID(),
      },
      body: '{}',
    });
    assert.equal(answer.status, 200, await answer.clone().text());
    assert.equal((await answer.json()).tokenConsumed, true);
  });

  test('a rotated key signs no more, but what it has signed redeems', async () => {
    const relay = await step.createRelay(url);
    const pass = await step.buyPass(url);
    const prepared = preparePurchase(await step.challengeFor(url));
    const { body } = await step.send(url, '/_simulator/rotate-key', { body: { 'claim-type': step.CLAIM_TYPE, sandbox: true } });
    assert.notEqual(body.tokenKeyId, prepared.tokenKeyId);
    assert.equal((await step.challengeFor(url)).tokenKeyId, body.tokenKeyId);
    assert.equal((await step.purchase(url, prepared)).code, 'key_id_unknown');
    simulator.complete(relay.token, { result: 'passed' });
    assert.equal((await step.redeem(url, relay, pass.token)).status, 200);
    assert.equal((await step.buyPass(url)).keyId, body.tokenKeyId);
  });
});
