/** No secret is in an error, nor in a printed client. The secrets are marked, so that they are found wherever they are. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { inspect } from "node:util";
import { test } from "node:test";
import { CLAIM_TYPE, Persona, challengeForms, library, offer, rsaKey, sleep, useUpstream } from "./support.mjs";

const API_KEY = "persona_production_MARKapikeyMARK";
const RELAY = { relayToken: "relay_x", relaySecret: "MARK-relay-secret-MARK", privacyPassToken: "MARKpassMARK" };
const MARKS = ["MARK", Buffer.from("MARKpassMARK", "base64url").toString("latin1")];
const wrongKeyPem = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
const pendingPass = library.blindPrivacyPass(offer()).pendingPass;
const kept = JSON.parse(Buffer.from(pendingPass, "base64url"));

/** Everything that a logger may make of a value. */
function views(value) {
  const chain = [];
  for (let at = value; at instanceof Error; at = at.cause) chain.push(at.message, at.stack, JSON.stringify(at), JSON.stringify(Object.getOwnPropertyDescriptors(at)));
  return [
    String(value),
    value?.message,
    value?.details,
    value?.stack,
    JSON.stringify(value),
    inspect(value),
    inspect(value, { showHidden: true, depth: Infinity, getters: true, maxArrayLength: Infinity, maxStringLength: Infinity, showProxy: true }),
    ...chain,
  ];
}

function assertClean(value, marks, what) {
  for (const view of views(value)) {
    for (const mark of marks) assert.ok(!String(view).includes(mark), `${what}: ${view}`);
  }
}

async function thrown(work) {
  try {
    await work();
  } catch (error) {
    return error;
  }
  return assert.fail(`it did not fail: ${work}`);
}

const ways = [
  (relays) => relays.generateClaim(RELAY),
  (relays) => relays.issuePrivacyPass({ relayToken: RELAY.relayToken, relaySecret: RELAY.relaySecret }),
  (relays) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }),
];

test("errors of every kind of answer, and of none", async () => {
  const challenge = challengeForms["by claim type"].answer(offer());
  const reactions = [
    ...[302, 400, 401, 403, 404, 409, 422, 429, 500].map((status) => ({ status, headers: { location: "/x" } })),
    "reset", "hang", { body: "{" }, { body: {} }, { body: { "blind-sig": crypto.randomBytes(256).toString("base64url") } },
    (response) => (response.writeHead(200, { "content-length": "9" }), response.write("{"), setTimeout(() => response.destroy(), 5)),
  ];
  let reaction;
  const upstream = await useUpstream(({ path, headers }) => {
    if (path.endsWith("/challenge")) return challenge;
    return headers.authorization === undefined && reaction.body ? challengeForms["by relay"].answer(offer()) : reaction;
  });
  const { relays } = new Persona({ baseUrl: upstream.url, apiKey: API_KEY, maxRetries: 0, timeoutMs: 60 });
  const codes = new Set();
  for (reaction of reactions) {
    for (const way of ways) {
      const error = await thrown(() => way(relays));
      codes.add(error.code);
      assertClean(error, MARKS, `${way} ${JSON.stringify(reaction)}`);
    }
  }
  for (const code of ["transport_failed", "timeout", "upstream_redirected", "blind_signature_invalid", "upstream_answer_invalid"]) assert.ok(codes.has(code), code);
});

test("errors about a value that is itself wrong", async () => {
  const { relays } = new Persona({ fetch: () => assert.fail("a request was made") });
  const bad = "MARK é\r\n MARK";
  for (const work of [
    () => relays.generateClaim({ ...RELAY, relaySecret: bad }),
    () => relays.generateClaim({ ...RELAY, relayToken: bad }),
    () => relays.generateClaim({ ...RELAY, privacyPassToken: bad }),
    () => relays.issuePrivacyPass({ relayToken: "relay_x", relaySecret: bad }),
    () => relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem: `-----BEGIN PRIVATE KEY-----\n${bad}\n-----END PRIVATE KEY-----` }),
    () => library.parseClaim(`{"claim_type": "MARK"`),
    () => library.parseClaim(JSON.stringify({ claim_type: "MARK", claim_result: "MARK" })),
    () => library.decryptClaim("TUFSSw==", `-----BEGIN PRIVATE KEY-----\nMARKMARK\n-----END PRIVATE KEY-----`),
    () => library.hostedFlowUrl(bad),
    () => library.finalizePrivacyPass({ pendingPass: "MARKMARK", blindSig: "AAAA" }),
    () => library.finalizePrivacyPass({ pendingPass, blindSig: bad }),
    () => new Persona({ apiKey: `${API_KEY}\r\n` }),
    () => new Persona({ baseUrl: "https://MARK:MARK@example.com" }),
  ]) assertClean(await thrown(work), MARKS, String(work));
});

test("private keys, claims and pending passes", async () => {
  const secretParts = [wrongKeyPem.split("\n")[5], ...[kept.nonce, kept.inverse]];
  const claimFor = crypto.publicEncrypt(rsaKey().publicKey, Buffer.from("MARK")).toString("base64");
  assertClean(await thrown(() => library.decryptClaim(claimFor, wrongKeyPem)), [...MARKS, ...secretParts, claimFor], "wrong key");
  assertClean(await thrown(() => library.finalizePrivacyPass({ pendingPass, blindSig: crypto.randomBytes(256).toString("base64url") })), [...secretParts, pendingPass], "finalize");
});

test("a trap's error", async () => {
  const waiting = new Persona({ apiKey: API_KEY, timeoutMs: 500, fetch: () => new Promise(() => {}) });
  const inFlight = ways.map((way) => thrown(() => way(waiting.relays)));
  await sleep(5);
  assertClean(await thrown(() => library.parseClaim("MARK".repeat(25_000_000))), MARKS, "sync");
  for (const error of await Promise.all(inFlight)) {
    assert.equal(error.code, "internal");
    assertClean(error, MARKS, "in flight");
  }
});

test("a client that is printed", () => {
  const persona = new Persona({ apiKey: API_KEY, baseUrl: "https://MARK.example.com" });
  for (const value of [persona, persona.relays, persona.relays.create, { persona }]) assertClean(value, MARKS, "client");
  assert.deepEqual(Object.getOwnPropertyNames(persona), ["relays"]);
  assert.deepEqual(Object.getOwnPropertySymbols(persona), []);
});
