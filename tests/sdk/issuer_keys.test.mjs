/** Issuer keys that could tell platforms apart: ids that are not the key's, and what `acceptIssuerKey` may do about the rest. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { MemoryStore } from "../../pkg/stores.js";
import { CLAIM_TYPE, PURCHASE_PATH, Persona, SANDBOX_KEY, challengeForms, failure, headersOf, library, offer, rsaKey, scriptedFetch, useSimulator } from "./support.mjs";

const simulator = await useSimulator();
const hash = crypto.createHash("sha256").update(rsaKey().spki).digest();
const other = crypto.createHash("sha256").update("another key").digest();

/** Buys of an upstream that offers this, and refuses the purchase. */
async function buy(form, tokenKeyId, options = {}) {
  const { params, answer } = challengeForms[form];
  const script = scriptedFetch((path) => (path === PURCHASE_PATH ? { status: 422 } : answer(offer({ tokenKeyId }))));
  const error = await failure(new Persona({ apiKey: "persona_production_x", ...script, ...options }).relays.issuePrivacyPass(params));
  return { error, paths: script.asked.map(({ path }) => path) };
}

test("an id that looks like a SHA-256 and is not the key's: nothing is bought", async () => {
  for (const form of Object.keys(challengeForms)) {
    for (const wrong of [other.toString("hex"), other.toString("base64url"), `${other.toString("base64url")}=`, other.toString("hex").toUpperCase(), hash.toString("hex").replace(/[a-f]/, (digit) => digit.toUpperCase())]) {
      const { error, paths } = await buy(form, wrong);
      assert.deepEqual([error.code, error.statusCode, error.origin], ["issuer_key_mismatch", 502, "upstream"], wrong);
      assert.match(error.details, /^token-key-id .*nothing was bought.*permissiveIssuerKeys/);
      assert.equal(paths.length, 1, "asked once, and not again");
    }
  }
});

test("an id that is the key's, or that says nothing: a purchase is made", async () => {
  for (const form of Object.keys(challengeForms)) {
    for (const id of [hash.toString("hex"), hash.toString("hex").toUpperCase(), hash.toString("base64url"), `${hash.toString("base64url")}=`, "key-1"]) {
      const { error, paths } = await buy(form, id);
      assert.deepEqual([error.code, paths.at(-1)], ["upstream_rejected", PURCHASE_PATH], id);
    }
  }
});

test("permissiveIssuerKeys buys all the same, and says what it was", async () => {
  const asked = [];
  const { paths } = await buy("by claim type", other.toString("hex"), { permissiveIssuerKeys: true, acceptIssuerKey: (key) => void asked.push(key) });
  assert.equal(paths.at(-1), PURCHASE_PATH);
  assert.deepEqual(asked, [{ claimType: CLAIM_TYPE, sandbox: false, keyHash: hash.toString("hex"), tokenKeyId: other.toString("hex"), tokenKeyIdKind: "mismatch" }]);
});

test("acceptIssuerKey is asked between challenge and purchase, and given what was offered", async () => {
  const order = [];
  const fetch = (url, init) => (order.push(new URL(url).pathname.split("/").at(-1)), globalThis.fetch(url, init));
  const acceptIssuerKey = async function (...values) {
    assert.deepEqual([this, values.length], [undefined, 1]);
    order.push(values[0]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    order.push("accepted");
  };
  const { relays } = simulator.client({ fetch, acceptIssuerKey });
  const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
  order.length = 0;
  await relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
  await relays.issuePrivacyPass({ relayToken, relaySecret });
  const { tokenKey, tokenKeyId } = await simulator.issuerKey({ claimType: CLAIM_TYPE });
  const keyHash = crypto.createHash("sha256").update(Buffer.from(tokenKey, "base64url")).digest("hex");
  const key = { keyHash, tokenKeyId, tokenKeyIdKind: "sha256" };
  assert.deepEqual(order, ["challenge", { claimType: CLAIM_TYPE, sandbox: false, ...key }, "accepted", "privacy-passes", "generate-claim", key, "accepted", "privacy-passes"]);
});

test("what acceptIssuerKey throws is what the call throws, and nothing is bought", async () => {
  const thrown = [new Error("not this key"), new library.PersonaError({ statusCode: 502, title: "T", code: "c", origin: "caller" }), "a string", undefined];
  for (const reason of thrown) {
    for (const acceptIssuerKey of [() => Promise.reject(reason), () => { throw reason; }]) {
      const { result, requests } = await simulator.during(undefined, () =>
        simulator.client({ acceptIssuerKey }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE }).then(() => assert.fail("bought"), (error) => ({ error })));
      assert.equal(result.error, reason);
      assert.deepEqual(requests.map(({ call }) => call), ["challenge"]);
    }
  }
});

test("it is not asked about a purchase that was sent, nor for anything but a purchase", async () => {
  const asked = [];
  const store = new MemoryStore();
  const options = { baseUrl: simulator.url, apiKey: SANDBOX_KEY, store, maxRetries: 0, acceptIssuerKey: (key) => void asked.push(key.keyHash) };
  const params = { claimType: CLAIM_TYPE, idempotencyKey: crypto.randomUUID() };
  simulator.faults.set([{ call: "purchase", fault: "drop-after", times: 1 }]);
  assert.equal((await failure(new library.RelayLedger(options).issuePrivacyPass(params))).code, "transport_failed");
  await simulator.rotateKey({ claimType: CLAIM_TYPE, sandbox: true });
  const refusing = new library.RelayLedger({ ...options, acceptIssuerKey: () => assert.fail("asked again") });
  const { privacyPassToken, replayed } = await refusing.issuePrivacyPass(params);
  assert.equal(replayed, false);
  assert.equal((await refusing.issuePrivacyPass(params)).privacyPassToken, privacyPassToken);
  assert.equal(asked.length, 1);
});

test("a ledger whose key was refused has bought nothing, and buys when the key is accepted", async () => {
  let accepted = false;
  const acceptIssuerKey = () => {
    if (!accepted) throw new Error("not this key");
  };
  const ledger = new library.RelayLedger({ baseUrl: simulator.url, apiKey: SANDBOX_KEY, store: new MemoryStore(), acceptIssuerKey });
  const params = { claimType: CLAIM_TYPE, idempotencyKey: crypto.randomUUID() };
  const before = simulator.summary().billed;
  await assert.rejects(ledger.issuePrivacyPass(params), { message: "not this key" });
  assert.deepEqual((await ledger.reconcile()).failures, []);
  assert.deepEqual(simulator.summary().billed, before);
  accepted = true;
  assert.equal((await ledger.issuePrivacyPass(params)).replayed, false);
});

test("its time counts: when none is left, nothing is sent", async () => {
  const acceptIssuerKey = () => new Promise((resolve) => setTimeout(resolve, 120));
  const work = () => failure(simulator.client({ acceptIssuerKey, deadlineMs: 100 }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE }));
  const { result, requests } = await simulator.during(undefined, work);
  assert.deepEqual([result.code, requests.map(({ call }) => call)], ["timeout", ["challenge"]]);
});

test("it may ask for the key itself, with another client", async () => {
  const look = new Persona({ baseUrl: simulator.url });
  const same = async ({ claimType, sandbox, keyHash }) => assert.equal((await look.relays.issuerKey({ claimType, sandbox })).keyHash, keyHash);
  assert.ok((await simulator.client({ acceptIssuerKey: same }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE })).privacyPassToken);
});

test("issuerKey is as anonymous as the challenge of a purchase, and checks as much", async () => {
  const { result: key, requests } = await simulator.during(undefined, () => simulator.client({ apiKey: SANDBOX_KEY, personaVersion: "2026-01-01" }).relays.issuerKey({ claimType: CLAIM_TYPE }));
  assert.deepEqual([key.sandbox, key.tokenKeyIdKind, requests.length], [true, "sha256", 1]);
  const purchase = await simulator.during(undefined, () => simulator.client({ apiKey: SANDBOX_KEY }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE }));
  assert.deepEqual(headersOf(requests[0]), headersOf(purchase.requests[0]), "nothing tells the two apart");
  assert.equal(requests[0].body, purchase.requests[0].body);

  const scripted = scriptedFetch(() => challengeForms["by claim type"].answer(offer({ tokenKeyId: other.toString("hex") })));
  assert.equal((await failure(new Persona(scripted).relays.issuerKey({ claimType: CLAIM_TYPE }))).code, "issuer_key_mismatch");
  assert.equal((await failure(new Persona(scripted).relays.issuerKey({}))).field, "claimType");
});
