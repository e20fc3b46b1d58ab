/** A relay from creation to claim, in every form that the contract has. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { MemoryStore } from "../../js/stores.js";
import { CLAIM_TYPE, Persona, PRODUCTION_KEY, SANDBOX_KEY, failure, library, readyRelay, rsaKey, useSimulator } from "./support.mjs";

const simulator = await useSimulator();

const environments = { production: { apiKey: PRODUCTION_KEY, params: {} }, sandbox: { apiKey: SANDBOX_KEY, params: { sandbox: true } } };

for (const [environment, { apiKey, params }] of Object.entries(environments)) {
  for (const form of ["by claim type", "by relay"]) {
    for (const encryptionKeyPem of [null, rsaKey().pem]) {
      test(`${environment}, challenge ${form}, ${encryptionKeyPem ? "encrypted" : "in the clear"}`, async () => {
        const persona = simulator.client({ apiKey });
        const relay = await persona.relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem, ...params });
        assert.deepEqual(Object.keys(relay).sort(), ["relaySecret", "relaySessionAccessToken", "relayToken"]);
        assert.ok(Object.values(relay).every((value) => typeof value === "string" && value !== ""));
        const { relayToken, relaySecret } = relay;
        const pass = await persona.relays.issuePrivacyPass(form === "by relay" ? { relayToken, relaySecret } : { claimType: CLAIM_TYPE, ...params });
        assert.deepEqual(Object.keys(pass), ["privacyPassToken"]);
        simulator.complete(relayToken, { result: "passed", methodology: [{ method: "document_selfie", result: "passed" }] });
        const claim = await persona.relays.generateClaim({ relayToken, relaySecret, ...pass });
        assert.deepEqual(Object.keys(claim).sort(), ["claimPayload", "tokenConsumed"]);
        assert.equal(claim.tokenConsumed, true);
        const text = encryptionKeyPem ? await library.decryptClaim(claim.claimPayload, rsaKey().privateKey.export({ type: "pkcs8", format: "pem" })) : claim.claimPayload;
        assert.deepEqual(library.parseClaim(text), {
          claimType: CLAIM_TYPE,
          passed: true,
          claimResult: "passed",
          methodology: [{ method: "document_selfie", result: "passed" }],
        });
        if (encryptionKeyPem) assert.equal(crypto.privateDecrypt(rsaKey().privateKey, Buffer.from(claim.claimPayload, "base64")).toString(), text);
        const recorded = simulator.ledger().relays[relayToken];
        assert.equal(recorded.environment, environment);
        assert.equal(recorded.redeemed, true);
      });
    }
  }
}

test("a failing claim says so, and hands the pass back for another relay", async () => {
  const first = await readyRelay(simulator, { result: "failed" });
  const { relays } = simulator.client();
  const spent = simulator.ledger().spent.total;
  const claim = await relays.generateClaim(first);
  assert.equal(claim.tokenConsumed, false);
  assert.equal(library.parseClaim(claim.claimPayload).passed, false);
  assert.equal(simulator.ledger().spent.total, spent);

  const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
  simulator.complete(relayToken, { result: "passed" });
  const again = await relays.generateClaim({ relayToken, relaySecret, privacyPassToken: first.privacyPassToken });
  assert.equal(again.tokenConsumed, true);
  assert.equal(simulator.ledger().spent.total, spent + 1);
});

test("a 401 with several WWW-Authenticate headers and schemes", async () => {
  const { relays } = simulator.client();
  const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
  const fault = async (exchange, next) => {
    const answer = await next();
    if (exchange.call !== "relay-challenge") return answer;
    const headers = ['Basic realm="PrivateToken, or \\"not\\""', `Negotiate abc==, ${answer.headers["WWW-Authenticate"]}, x=y`, "Digest a=b"];
    return { ...answer, headers: { "WWW-Authenticate": headers } };
  };
  const { result: pass } = await simulator.during(fault, () => relays.issuePrivacyPass({ relayToken, relaySecret }));
  simulator.complete(relayToken, { result: "passed" });
  assert.equal((await relays.generateClaim({ relayToken, relaySecret, ...pass })).tokenConsumed, true);
});

test("encryptionKeyPem and sandbox may be left out; the methods need no this", async () => {
  const { create } = new Persona({ baseUrl: simulator.url }).relays;
  for (const params of [{}, { encryptionKeyPem: undefined, sandbox: undefined }, { encryptionKeyPem: null, sandbox: false }]) {
    const { relayToken } = await create({ claimType: CLAIM_TYPE, ...params });
    const { environment, encrypted } = simulator.ledger().relays[relayToken];
    assert.deepEqual({ environment, encrypted }, { environment: "production", encrypted: false });
  }
});

test("a claim type that nobody has heard of is sent as it is", async () => {
  const claimType = "left-handed_in_2031";
  const claim = await simulator.client().relays.generateClaim(await readyRelay(simulator, { claimType }));
  assert.equal(library.parseClaim(claim.claimPayload).claimType, claimType);
});

test("a pass is spent once: a second relay is refused", async () => {
  const first = await readyRelay(simulator);
  const { relays } = simulator.client();
  await relays.generateClaim(first);
  const second = await relays.create({ claimType: CLAIM_TYPE });
  simulator.complete(second.relayToken, { result: "passed" });
  const error = await failure(relays.generateClaim({ ...second, privacyPassToken: first.privacyPassToken }));
  assert.equal(error.statusCode, 409);
});

for (const modulusLength of [2048, 3072, 4096]) {
  test(`passes verify in OpenSSL: issuer keys of ${modulusLength} bits`, async (t) => {
    for (const spki of ["rsaEncryption", "rsassaPss"]) {
      for (const keyIdFormat of ["hex", "base64url"]) {
        // A key per claim type would be made twice: OpenSSL takes seconds for 4096 bits.
        if (modulusLength === 4096 && (spki === "rsassaPss") !== (keyIdFormat === "hex")) continue;
        await t.test(`${spki}, ${keyIdFormat}`, async (t) => {
          const issuer = await startSimulator({ modulusLength, spki, keyIdFormat });
          t.after(() => issuer.close());
          const { relays } = new Persona({ baseUrl: issuer.url, apiKey: PRODUCTION_KEY, timeoutMs: 60_000 });
          const relay = await relays.create({ claimType: CLAIM_TYPE });
          const byType = await relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
          const { tokenKeyId } = await issuer.issuerKey({ claimType: CLAIM_TYPE });
          const pass = JSON.parse(Buffer.from(byType.privacyPassToken, "base64url").toString());
          assert.deepEqual(Object.keys(pass), ["token_nonce", "signature", "key_id", "challenge"]);
          assert.equal(pass.key_id, tokenKeyId);
          assert.equal(Buffer.from(pass.signature, "base64url").length * 8, modulusLength);
          issuer.complete(relay.relayToken, { result: "passed" });
          assert.equal((await relays.generateClaim({ ...relay, ...byType })).tokenConsumed, true);
          assert.equal(issuer.ledger().spent.total, 1);
        });
      }
    }
  });
}

test("where sandbox is left out, the API key says which environment it is", async () => {
  for (const [apiKey, environment] of [[SANDBOX_KEY, "sandbox"], [PRODUCTION_KEY, "production"], [undefined, "production"]]) {
    const { relays } = simulator.client({ apiKey });
    const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
    assert.equal(simulator.ledger().relays[relayToken].environment, environment, String(apiKey));
    if (apiKey === undefined) continue;
    const ledger = new library.RelayLedger({ baseUrl: simulator.url, apiKey, store: new MemoryStore() });
    const passes = [await relays.issuePrivacyPass({ claimType: CLAIM_TYPE }), await ledger.issuePrivacyPass({ claimType: CLAIM_TYPE, relayToken, relaySecret })];
    simulator.complete(relayToken, { result: "passed" });
    assert.equal((await relays.generateClaim({ relayToken, relaySecret, privacyPassToken: passes[1].privacyPassToken })).tokenConsumed, true);
    const another = await relays.create({ claimType: CLAIM_TYPE });
    simulator.complete(another.relayToken, { result: "passed" });
    assert.equal((await relays.generateClaim({ ...another, privacyPassToken: passes[0].privacyPassToken })).tokenConsumed, true);
  }
  // What is said counts.
  const { relayToken } = await simulator.client({ apiKey: SANDBOX_KEY }).relays.create({ claimType: CLAIM_TYPE, sandbox: false });
  assert.equal(simulator.ledger().relays[relayToken].environment, "production");
});
