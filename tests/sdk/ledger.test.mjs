/** RelayLedger: what it says of parameters, of a pass that is not there, and of a store that fails. What it does is in tests/stores/. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_TYPE, Persona, PersonaError, failure, library, libraryUrl, useSimulator } from "./support.mjs";

const { MemoryStore } = await import(new URL("stores.js", libraryUrl).href);
const simulator = await useSimulator();
const options = { baseUrl: simulator.url, apiKey: "persona_production_simulator", maxRetries: 0 };
const newLedger = (store = new MemoryStore(), more = {}) => new library.RelayLedger({ ...options, store, ...more });
const newRelay = async () => {
  const { relayToken, relaySecret } = await new Persona(options).relays.create({ claimType: CLAIM_TYPE });
  return { relayToken, relaySecret };
};
const RELAY = { relayToken: "relay_x", relaySecret: "secret" };
const PURCHASE = { claimType: CLAIM_TYPE, idempotencyKey: "key" };
/** A ledger that may not send anything. */
const idle = () => newLedger(new MemoryStore(), { fetch: () => assert.fail("a request was made") });

/** What the core says of a parameter; the ledger says the same. */
const { title: TITLE } = await failure(new Persona(options).relays.create({}));

const noObject = [null, undefined, 5, "relay_x", () => {}];
const wrong = {
  "no parameters": noObject.flatMap((params) => ["issuePrivacyPass", "generateClaim", "describe"].map((method) => [(ledger) => ledger[method](params)])),
  "options that are no object": noObject.filter((value) => value !== undefined).flatMap((value) => [
    [(ledger) => ledger.issuePrivacyPass(PURCHASE, value)],
    [(ledger) => ledger.reconcile(value)],
  ]),
  claimType: [10n, 5, "", {}, Symbol("x")].map((claimType) => [(ledger) => ledger.issuePrivacyPass({ ...PURCHASE, claimType }), "claimType"]),
  sandbox: ["true", 1, 1n].map((sandbox) => [(ledger) => ledger.issuePrivacyPass({ ...PURCHASE, sandbox }), "sandbox"]),
  allowedAgain: ["yes", 1n].map((allowedAgain) => [(ledger) => ledger.issuePrivacyPass(PURCHASE, { allowedAgain }), "allowedAgain"]),
  privacyPassToken: [10n, 5, "a b"].map((privacyPassToken) => [(ledger) => ledger.generateClaim({ ...RELAY, privacyPassToken }), "privacyPassToken"]),
  relaySecret: [undefined, null, 5n, ""].flatMap((relaySecret) =>
    ["issuePrivacyPass", "generateClaim", "describe"].map((method) => [(ledger) => ledger[method]({ ...RELAY, relaySecret }), "relaySecret"]),
  ),
  idempotencyKey: [undefined, null, 5n, ""].map((idempotencyKey) => [(ledger) => ledger.issuePrivacyPass({ ...PURCHASE, idempotencyKey }), "idempotencyKey"]),
  concurrency: [NaN, 0, -1, 0.5, Infinity, "4", 4n].map((concurrency) => [(ledger) => ledger.reconcile({ concurrency }), "concurrency"]),
  minAgeSeconds: [NaN, -1, Infinity, "60", 60n].map((minAgeSeconds) => [(ledger) => ledger.reconcile({ minAgeSeconds }), "minAgeSeconds"]),
};

for (const [what, cases] of Object.entries(wrong)) {
  test(`wrong parameters, ${what}: a PersonaError as a Persona's, and nothing is sent`, async () => {
    for (const [work, field] of cases) {
      const { statusCode, title, details, code, origin, field: named } = await failure(work(idle()));
      assert.deepEqual([statusCode, title, code, origin, named], [400, TITLE, "parameter_invalid", "caller", field], `${work} ${details}`);
      assert.ok(details.startsWith(field ?? "the parameters must be one object"), details);
    }
  });
}

test("null is as good as nothing, as it is to a Persona", async () => {
  const { relayToken, relaySecret } = await newRelay();
  const ledger = newLedger();
  const pass = await ledger.issuePrivacyPass({ claimType: null, sandbox: null, relayToken, relaySecret, idempotencyKey: null }, { allowedAgain: null });
  assert.deepEqual(await ledger.issuePrivacyPass({ relayToken, relaySecret }), { ...pass, replayed: true });
  simulator.complete(relayToken, { result: "passed" });
  assert.equal((await ledger.generateClaim({ relayToken, relaySecret, privacyPassToken: null })).tokenConsumed, true);
  await ledger.issuePrivacyPass({ relayToken: null, relaySecret: null, ...PURCHASE });
});

test("every number that is whole and above 0 is a concurrency", async () => {
  for (const concurrency of [1, 100_000, Number.MAX_SAFE_INTEGER]) {
    const store = new MemoryStore();
    await store.record("purchase:junk").write("junk", undefined);
    const { records, failures } = await newLedger(store).reconcile({ concurrency });
    assert.deepEqual([records, failures.map(({ error }) => error.code)], [1, ["record_invalid"]]);
  }
});

/** What stands in the way of a pass for a relay: how it comes to that, and what `generateClaim` says. */
const passless = {
  "nothing was bought": [() => undefined, /^privacyPassToken is missing, and no pass is bought here yet for this relay: call issuePrivacyPass, or give one$/],
  "the purchase was refused": [(ledger, relay) => failure(ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE, sandbox: true })), /, and no pass is bought here yet for this relay: /],
  "the purchase is in doubt": [
    async (ledger, relay) => {
      simulator.faults.set([{ call: "purchase", fault: "500-after", times: 1 }]);
      await failure(ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE }));
    },
    /, and its purchase is under way or in doubt: call issuePrivacyPass again with the same parameters, and not for another pass$/,
  ],
  "nobody can tell whether it was billed": [
    async (ledger, relay, store) => {
      simulator.faults.set([{ call: "purchase", fault: "500-after", times: 1 }]);
      await failure(ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE }));
      const [name] = await store.names();
      const { text, version } = await store.record(name).read();
      const kept = JSON.parse(text);
      const { state, ...rest } = JSON.parse(kept.record);
      await store.record(name).write(JSON.stringify({ ...kept, record: JSON.stringify({ ...rest, state: { unknown: { since: 2, sent: state.sent } } }) }), version);
    },
    /, and its purchase is in doubt: call issuePrivacyPass again /,
  ],
  "it was billed in vain": [
    async (ledger, relay) => {
      simulator.faults.set([{ call: "purchase", fault: "wrong-signature", times: 1 }]);
      await failure(ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE }));
    },
    /, and its purchase was billed in vain: call issuePrivacyPass again /,
  ],
};

for (const [what, [prepare, says]] of Object.entries(passless)) {
  test(`a redemption without a pass, when ${what}: the error says so, and nothing is sent`, async () => {
    const store = new MemoryStore();
    const [ledger, relay] = [newLedger(store), await newRelay()];
    await prepare(ledger, relay, store);
    simulator.faults.clear();
    const before = simulator.requests().length;
    const { statusCode, code, field, details } = await failure(ledger.generateClaim(relay));
    assert.deepEqual([statusCode, code, field], [400, "parameter_invalid", "privacyPassToken"]);
    assert.match(details, says);
    assert.equal(simulator.requests().length, before);
  });
}

test("who does what that error says has one pass, billed once", async () => {
  const store = new MemoryStore();
  const [ledger, relay] = [newLedger(store), await newRelay()];
  const { total } = simulator.ledger().billed;
  simulator.faults.set([{ call: "purchase", fault: "500-after", times: 1 }]);
  await failure(ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE }));
  await failure(ledger.generateClaim(relay));
  await ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE });
  simulator.complete(relay.relayToken, { result: "passed" });
  assert.equal((await ledger.generateClaim(relay)).tokenConsumed, true);
  assert.equal(simulator.ledger().billed.total, total + 1);
});

test("a store that throws at any of its methods is store_failed, and the next call goes on", async () => {
  const store = new MemoryStore();
  const full = new Error("the disk is full");
  let broken;
  const failing = Object.fromEntries(["record", "names", "deleteExpired"].map((method) => [
    method, (...values) => { if (broken) throw full; return store[method](...values); },
  ]));
  const [ledger, relay] = [newLedger(failing), await newRelay()];
  const pass = await ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE });
  simulator.complete(relay.relayToken, { result: "passed" });
  const calls = [() => ledger.issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE }), () => ledger.generateClaim({ ...relay, ...pass }), () => ledger.describe(relay), () => ledger.reconcile()];
  for (const call of calls) {
    broken = true;
    const { statusCode, code, cause } = await failure(call());
    assert.deepEqual([statusCode, code, cause], [503, "store_failed", full]);
    broken = false;
    await call();
  }
});

test("a record whose store failed is gone on with by reconcile()", async () => {
  const store = new MemoryStore();
  let broken = false;
  const failing = { names: () => store.names(), record: (...values) => { if (broken) throw new Error("gone"); return store.record(...values); } };
  const [ledger, relay] = [newLedger(failing), await newRelay()];
  const { privacyPassToken } = await new Persona(options).relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
  simulator.complete(relay.relayToken, { result: "passed" });
  simulator.faults.set([{ call: "redeem", fault: "500-after", times: 1 }]);
  await failure(ledger.generateClaim({ ...relay, privacyPassToken }));
  simulator.faults.clear();
  broken = true;
  assert.equal((await failure(ledger.generateClaim({ ...relay, privacyPassToken }))).code, "store_failed");
  broken = false;
  assert.deepEqual(await ledger.reconcile(), { records: 1, driven: 1, failures: [] });
});
