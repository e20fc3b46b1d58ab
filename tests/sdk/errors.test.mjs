/** Every code, every field: what callers program against. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { CLAIM_TYPE, Persona, PersonaError, REDEEM, base64url, challengeForms, failure, inSeconds, library, offer, rsaKey, scriptedClient as client, scriptedFetch, PURCHASE_PATH } from "./support.mjs";

const answering = (status, headers) => client(() => ({ status, headers }));
const create = (relays) => relays.create({ claimType: CLAIM_TYPE });
const redeem = (relays) => relays.generateClaim(REDEEM);
/** Buys with an offer; the purchase is answered by `bought`. */
const buy = (offered, bought = { status: 500 }) =>
  client((path) => (path === PURCHASE_PATH ? bought : challengeForms["by claim type"].answer(offered))).issuePrivacyPass({ claimType: CLAIM_TYPE });
const signature = { body: { "blind-sig": crypto.randomBytes(256).toString("base64url") } };
const pkcs8 = (key) => key.export({ type: "pkcs8", format: "pem" });

/** A record that holds a text. */
const kept = (text) => ({ record: { read: () => ({ text, version: 1 }), write: () => 2 } });
/** A purchase of which nobody knows whether it was billed, too old to be sent again. */
const sent = { pending_pass: "AAAA", idempotency_key: "k", first_sent_at: 1, in_flight: false, in_doubt: true, first_5xx_at: null, sends: 0 };
const unknown = JSON.stringify({ v: 1, attempt: 0, state: { unknown: { since: 2, sent } } });
const inFlight = JSON.stringify({ v: 1, attempt: 0, state: { sent } });
const lost = JSON.stringify({ v: 1, pass: REDEEM.privacyPassToken, state: { lost: { since: 1 } } });
const broken = () => {
  throw new Error("the disk is full");
};
const nobody = () => client(() => assert.fail("a request was made"));

/** Code, the status it has, whose fault it is, the ways to it. */
const table = {
  parameter_invalid: [400, "caller", () => answering(200).create({})],
  api_key_missing: [401, "caller", () => client(() => assert.fail("a request was made"), { apiKey: undefined }).issuePrivacyPass({ claimType: CLAIM_TYPE })],
  claim_invalid: [400, "caller", () => library.parseClaim("{}"), () => library.parseClaim("A".repeat(344)), () => library.decryptClaim("{}", pkcs8(rsaKey().privateKey))],
  claim_decryption_failed: [400, "caller", () => library.decryptClaim(crypto.randomBytes(256).toString("base64"), pkcs8(rsaKey().privateKey))],
  private_key_invalid: [400, "caller", () => library.decryptClaim(crypto.randomBytes(256).toString("base64"), "key")],
  pending_pass_invalid: [400, "caller", () => library.finalizePrivacyPass({ pendingPass: "eA", blindSig: "AAAA" })],
  upstream_rejected: [[400, 403, 422, 418], "upstream", ...[400, 403, 422, 418].map((status) => () => create(answering(status)))],
  upstream_unauthorized: [[401, 401, 403], "upstream", () => create(answering(401)), () => buy(offer(), { status: 401 }), () => buy(offer(), { status: 403 })],
  upstream_not_found: [404, "upstream", () => redeem(answering(404)), () => create(answering(404))],
  pass_already_spent: [409, "upstream", () => redeem(answering(409))],
  upstream_conflict: [409, "upstream", () => create(answering(409)), () => buy(offer(), { status: 409 })],
  claim_not_ready: [403, "upstream", () => redeem(answering(403))],
  upstream_rate_limited: [[429, 425], "upstream", () => create(answering(429)), () => redeem(answering(425))],
  upstream_unavailable: [[500, 503, 599, 408], "upstream", ...[500, 503, 599, 408].map((status) => () => redeem(answering(status)))],
  upstream_redirected: [302, "upstream", () => redeem(answering(302, { location: "https://example.org/" }))],
  upstream_answer_invalid: [502, "upstream", () => create(answering(200)), () => redeem(answering(200)), () => buy(offer(), { body: { "blind-sig": "AAAA" } })],
  challenge_invalid: [502, "upstream", () => buy(offer({ challenge: { mac: "" } })), () => answering(401).issuePrivacyPass({ relayToken: "relay_x", relaySecret: "s" })],
  challenge_expired: [502, "upstream", () => buy(offer({ challenge: { expires_at: inSeconds(-120) } }))],
  issuer_key_invalid: [502, "upstream", () => buy(offer({ tokenKey: base64url("no key") }))],
  issuer_key_mismatch: [502, "upstream", () => buy(offer({ tokenKeyId: "0".repeat(64) })), () => library.blindPrivacyPass(offer({ tokenKeyId: "A".repeat(43) }))],
  blind_signature_invalid: [502, "upstream", () => buy(offer(), signature)],
  transport_failed: [502, "transport", () => create(client(() => Promise.reject(new Error("gone"))))],
  timeout: [504, "transport", () => create(client(() => new Promise(() => {}), { timeoutMs: 20 }))],
  purchase_unknown: [502, "upstream", () => nobody().issuePrivacyPass({ claimType: CLAIM_TYPE }, kept(unknown))],
  purchase_not_in_doubt: [
    409,
    "caller",
    () => nobody().issuePrivacyPass({ claimType: CLAIM_TYPE }, { record: { read: () => undefined, write: () => 1 }, allowedAgain: true }),
    () => nobody().issuePrivacyPass({ claimType: CLAIM_TYPE }, { ...kept(inFlight), allowedAgain: true }),
    () => nobody().issuePrivacyPass({ claimType: CLAIM_TYPE }, { record: { read: () => undefined, write: () => 1 }, byItself: true }),
  ],
  claim_lost: [410, "upstream", () => nobody().generateClaim(REDEEM, kept(lost))],
  store_failed: [
    503,
    "internal",
    () => nobody().generateClaim(REDEEM, { record: { read: broken, write: broken } }),
    () => nobody().generateClaim(REDEEM, { record: { read: () => undefined, write: async () => broken() } }),
    () => client(() => challengeForms["by claim type"].answer(offer())).issuePrivacyPass({ claimType: CLAIM_TYPE }, { record: { read: () => undefined, write: broken } }),
  ],
  record_invalid: [
    500,
    "internal",
    ...["x", "{}", unknown.replace('"v":1', '"v":2')].map((text) => () => nobody().issuePrivacyPass({ claimType: CLAIM_TYPE }, kept(text))),
    () => nobody().generateClaim(REDEEM, kept(unknown)),
    () => library.describePurchase(lost),
    () => library.describeRedemption("{"),
  ],
  internal: [500, "internal", () => library.parseClaim("x".repeat(100_000_000))],
};

test("the table has every ErrorCode of index.d.ts", () => {
  const types = readFileSync(new URL("../../js/index.d.ts", import.meta.url), "utf8");
  const [, union] = /export type ErrorCode =([^;]+);/.exec(types.replace(/\/\/.*$/gm, ""));
  const codes = [...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code);
  assert.ok(codes.length >= 23);
  assert.deepEqual(Object.keys(table).sort(), codes.sort());
});

for (const [code, [statuses, origin, ...ways]] of Object.entries(table)) {
  test(`code ${code}`, async () => {
    for (const [index, way] of ways.entries()) {
      const error = await failure(async () => way());
      assert.equal(error.code, code);
      assert.equal(error.statusCode, [statuses].flat()[index] ?? [statuses].flat()[0]);
      assert.equal(error.origin, origin);
      assert.ok(error instanceof Error && error instanceof PersonaError);
      assert.equal(error.name, "PersonaError");
      assert.ok(typeof error.title === "string" && error.title !== "");
      assert.equal(error.message, error.details === undefined ? error.title : `${error.title}: ${error.details}`);
      assert.match(error.stack, /^PersonaError: /);
      if (error.field !== undefined) assert.ok(error.details.startsWith(error.field), `details do not start with ${error.field}: ${error.details}`);
      for (const member of ["details", "meta", "field", "requestId", "retryAfter"]) assert.ok(error[member] !== undefined || !(member in error), `${member} is there, and undefined`);
    }
  });
}

test("what the upstream says is passed on", async () => {
  const errors = [{ title: "Nope", details: "because", code: "their_code", meta: { a: [1, { b: null }] } }, { title: "second" }];
  const relays = client(() => ({ status: 422, headers: { "request-id": "req_1", "retry-after": "7" }, body: { errors } }));
  const { title, details, code, meta, requestId, retryAfter, statusCode, message } = await failure(create(relays));
  assert.deepEqual({ title, details, code, meta, requestId, retryAfter, statusCode, message }, { ...errors[0], requestId: "req_1", retryAfter: 7, statusCode: 422, message: "Nope: because" });
});

test("one that is made by hand, for a test, has the members it was made of", () => {
  const data = { statusCode: 403, title: "Not ready", details: "wait", code: "claim_not_ready", origin: "upstream", field: "f", meta: { a: 1 }, requestId: "req_1", retryAfter: 5 };
  const { ...error } = new PersonaError({ ...data, cause: "why" });
  assert.deepEqual(error, data);
  assert.deepEqual([new PersonaError({ ...data, cause: "why" }).cause, new PersonaError(data).message], ["why", "Not ready: wait"]);
  assert.equal(new PersonaError({ ...data, details: undefined, requestId: undefined }).message, "Not ready");
});


const pem = (type, options) => crypto.generateKeyPairSync(type, options).publicKey.export({ format: "pem", type: "spki" });
const spied = scriptedFetch(() => ({ status: 500 }));
const relays = new Persona({ apiKey: "persona_production_x", ...spied }).relays;
const pending = () => library.blindPrivacyPass(offer()).pendingPass;

/** Name, call, the parameter that is wrong. */
const parameters = [
  ...[{}, { claimType: undefined }, { claimType: null }, { claimType: 5 }, { claimType: "" }, { claimType: "a b" }, { claimType: "a/b" }, { claimType: "a".repeat(129) }].map((params) => [() => relays.create(params), "claimType"]),
  ...[5, {}, "", "x", pkcs8(rsaKey().privateKey), rsaKey().publicKey.export({ type: "pkcs1", format: "pem" }), `${rsaKey().pem}x`].map((key) => [() => relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem: key }), "encryptionKeyPem"]),
  [() => relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem: pem("rsa", { modulusLength: 1024 }) }), "encryptionKeyPem"],
  [() => relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem: pem("ec", { namedCurve: "P-256" }) }), "encryptionKeyPem"],
  ...["yes", 1, null].map((sandbox) => [() => relays.create({ claimType: CLAIM_TYPE, sandbox }), "sandbox"]),
  [() => relays.issuePrivacyPass({ claimType: CLAIM_TYPE, sandbox: "true" }), "sandbox"],
  ...[{}, { relaySecret: "s" }, { claimType: "a/b" }, { claimType: 5 }].map((params) => [() => relays.issuePrivacyPass(params), "claimType"]),
  [() => relays.issuePrivacyPass({ relayToken: "../x", relaySecret: "s" }), "relayToken"],
  ...[undefined, "", "a\r\nb", "a b", "é", 5, "x".repeat(513)].map((relaySecret) => [() => relays.issuePrivacyPass({ relayToken: "relay_x", relaySecret }), "relaySecret"]),
  ...["relayToken", "relaySecret", "privacyPassToken"].map((field) => [() => relays.generateClaim({ ...REDEEM, [field]: undefined }), field]),
  ...[5, "", "a+b", "a b", "YQ=", "é", "A".repeat(65_540)].map((privacyPassToken) => [() => relays.generateClaim({ ...REDEEM, privacyPassToken }), "privacyPassToken"]),
  ...[undefined, 5, null, {}].map((value) => [() => library.parseClaim(value), "claimPayload"]),
  [() => library.decryptClaim(5, "x"), "claimPayload"],
  [() => library.decryptClaim("x", undefined), "privateKeyPem"],
  ...[0, 1024, 2047, 2049, 4104, 2048.5, NaN, "2048", null].map((modulusLength) => [() => library.generateEncryptionKeyPair({ modulusLength }), "modulusLength"]),
  ...[undefined, 5, "", "a&b", "a#b", "a b"].map((token) => [() => library.hostedFlowUrl(token), "relaySessionAccessToken"]),
  ...["blue", 5, "", "DARK"].map((theme) => [() => library.hostedFlowUrl("a.b.c", { theme }), "theme"]),
  ...["challenge", "tokenKey", "tokenKeyId"].map((field) => [() => library.blindPrivacyPass({ ...offer(), [field]: 5 }), field]),
  ...[5, null, {}, [5], ["PrivateToken a=b", 5]].map((wwwAuthenticate) => [() => library.blindPrivacyPass({ wwwAuthenticate }), "wwwAuthenticate"]),
  [() => library.finalizePrivacyPass({ blindSig: "AAAA" }), "pendingPass"],
  ...[undefined, 5, {}].map((text) => [() => library.describePurchase(text), "text"]),
  ...[undefined, null, 5].map((record) => [() => relays.generateClaim(REDEEM, { record }), "record"]),
  [() => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, {}), "record"],
  [() => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { ...kept("{}"), idempotencySecret: 5 }), "idempotencySecret"],
  [() => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { ...kept("{}"), allowedAgain: "yes" }), "allowedAgain"],
  [() => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { record: {} }), "record"],
  [() => relays.generateClaim(REDEEM, { record: { read: () => undefined } }), "record"],
  ...[undefined, 5, "a+b", "a b"].map((blindSig) => [() => library.finalizePrivacyPass({ pendingPass: pending(), blindSig }), "blindSig"]),
];

test("a wrong parameter is named as it is spelled, and nothing is sent", async () => {
  for (const [call, field] of parameters) {
    const error = await failure(async () => call());
    assert.equal(error.code, "parameter_invalid", `${call}: ${error.message}`);
    assert.equal(error.statusCode, 400);
    assert.equal(error.origin, "caller");
    assert.equal(error.field, field, String(call));
    assert.ok(error.details.startsWith(`${field} `), error.details);
    assert.ok(!/-(type|token|secret|pem|key|sig|pass)\b/.test(error.details.split(" ")[0]), error.details);
  }
  assert.equal(spied.asked.length, 0);
});

test("parameters that are no object", async () => {
  const { generateEncryptionKeyPair, hostedFlowUrl, blindPrivacyPass, finalizePrivacyPass } = library;
  for (const params of [null, 5, "x", true, () => {}, Symbol("x")]) {
    for (const call of [relays.create, relays.issuePrivacyPass, relays.generateClaim, generateEncryptionKeyPair, (options) => hostedFlowUrl("a.b.c", options), blindPrivacyPass, finalizePrivacyPass]) {
      const error = await failure(async () => call(params));
      assert.equal(error.code, "parameter_invalid", `${String(params)} to ${call}`);
      assert.equal(error.field, undefined);
    }
  }
  for (const call of [relays.create, relays.issuePrivacyPass, relays.generateClaim]) {
    // Never thrown at once: a promise is a promise.
    const promise = call();
    assert.ok(promise instanceof Promise);
    assert.equal((await failure(promise)).code, "parameter_invalid");
  }
  assert.equal(spied.asked.length, 0);
});

test("PersonaError is one that callers may throw in their own tests", () => {
  const error = new PersonaError({ statusCode: 404, title: "T", code: "c", origin: "upstream" });
  assert.deepEqual([error.message, error.statusCode, error.title, error.code], ["T", 404, "T", "c"]);
  assert.ok(!("cause" in error));
  assert.ok(!Object.keys(error).includes("name"));
});
