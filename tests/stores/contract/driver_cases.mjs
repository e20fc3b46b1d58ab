/** What the durable calls do over every store: the second half of the contract. */
import assert from "node:assert/strict";
import { concurrencyCases } from "./concurrency_cases.mjs";
import { assertBooks, assertKept, buyAndClaim, CALLS, CLAIM_TYPE, forPurchase, newLedger, newRelay, optionsOf, paramsOf, THING } from "./driver_support.mjs";
import { faultCases } from "./fault_cases.mjs";
import { library } from "./kinds.mjs";

const { Persona, RelayLedger, describePurchase, describeRedemption } = library;

const cases = [
  {
    name: "nothing in the way: one pass, one claim, then the same again",
    async run(bench) {
      const relay = await newRelay(bench);
      const { pass, claim, errors } = await buyAndClaim(bench, relay);
      assert.deepEqual([errors, pass.replayed, claim.replayed, claim.tokenConsumed], [[], false, false, true]);
      assert.equal(library.parseClaim(claim.claimPayload).passed, true);
      await assertBooks(bench);
      await assertKept(bench, relay, pass, claim);
      const described = await (await newLedger(bench)).describe(relay);
      assert.deepEqual([described.purchase.state, described.redemption.state], ["issued", "redeemed"]);
      assert.deepEqual(await (await newLedger(bench)).describe({ ...relay, relaySecret: "another" }), {});
    },
  },
  {
    name: "a claim that did not pass is answered again, and the pass is not spent",
    async run(bench) {
      const relay = await newRelay(bench, { result: "failed" });
      const { pass, claim } = await buyAndClaim(bench, relay);
      assert.equal(claim.tokenConsumed, false);
      await assertBooks(bench, { spent: 0, refunded: 1 });
      await assertKept(bench, relay, pass, claim);
    },
  },
  {
    name: "a wrong blind signature: billed, never bought again by itself, once more with an operator's leave",
    async run(bench) {
      const relay = await newRelay(bench);
      await bench.simulator.faults([{ call: "purchase", fault: "wrong-signature", times: 1 }]);
      const ledger = await newLedger(bench);
      for (let tries = 0; tries < 3; tries += 1) {
        await assert.rejects(ledger.issuePrivacyPass(forPurchase(relay)), { code: "blind_signature_invalid" });
      }
      await assertBooks(bench, { spent: 0 });
      const pass = await ledger.issuePrivacyPass(forPurchase(relay), { allowedAgain: true });
      await assertBooks(bench, { billed: 2, spent: 0 });
      await assertKept(bench, relay, pass);
    },
  },
  {
    name: "calls in the wrong order cost nothing",
    async run(bench) {
      const relay = await newRelay(bench, { result: null });
      const ledger = await newLedger(bench);
      await assert.rejects(ledger.generateClaim(relay), { code: "parameter_invalid", field: "privacyPassToken" });
      const pass = await ledger.issuePrivacyPass(forPurchase(relay));
      for (let tries = 0; tries < 2; tries += 1) await assert.rejects(ledger.generateClaim(relay), { code: "claim_not_ready" });
      await assertBooks(bench, { spent: 0 });
      await bench.simulator.complete(relay.relayToken, "passed");
      const claim = await ledger.generateClaim(relay);
      assert.equal(claim.tokenConsumed, true);
      await assertBooks(bench);
      await assertKept(bench, relay, pass, claim);
    },
  },
  {
    name: "what is needed to repeat a call is in the store when the upstream has it",
    async run(bench) {
      const relay = await newRelay(bench);
      const ledger = await newLedger(bench);
      for (const [call, method] of Object.entries(CALLS)) {
        await bench.simulator.faults([{ call, "hold-after": true, times: 1 }]);
        const working = ledger[method](paramsOf(call, relay));
        const { idempotencyKey } = await bench.simulator.processed(call);
        const { store } = await bench.open();
        const name = (await store.names()).find((name) => name.startsWith(`${THING[call]}:`));
        const { which, record } = JSON.parse((await store.record(name).read()).text);
        const described = call === "purchase" ? describePurchase(record) : describeRedemption(record);
        assert.deepEqual([described.state, described.inDoubt], ["sent", true]);
        assert.deepEqual(which, call === "purchase" ? { claimType: CLAIM_TYPE, sandbox: false } : relay);
        if (call === "purchase") assert.ok(record.includes(idempotencyKey));
        await bench.simulator.release();
        await working;
      }
    },
  },
  {
    name: "the earlier form: a pass by relay",
    async run(bench) {
      const relay = await newRelay(bench);
      const ledger = await newLedger(bench);
      const pass = await ledger.issuePrivacyPass(relay);
      assert.deepEqual(await ledger.issuePrivacyPass(relay), { ...pass, replayed: true });
      await assert.rejects(ledger.issuePrivacyPass(forPurchase(relay)), { code: "parameter_invalid", field: "claimType", statusCode: 400 });
      assert.equal((await ledger.generateClaim(relay)).tokenConsumed, true);
      await assertBooks(bench);
    },
  },
  {
    name: "a caller's idempotency key: one pass per key, and never for another claim type",
    async run(bench) {
      const ledger = await newLedger(bench);
      const buy = (idempotencyKey, more = {}) => ledger.issuePrivacyPass({ claimType: CLAIM_TYPE, idempotencyKey, ...more });
      await bench.simulator.faults([{ call: "purchase", fault: "500-after", times: 2 }]);
      await assert.rejects(buy("key one"), { code: "injected" });
      const one = await buy("key one");
      assert.deepEqual(await (await newLedger(bench)).issuePrivacyPass({ claimType: CLAIM_TYPE, sandbox: false, idempotencyKey: "key one" }), { ...one, replayed: true });
      await assertBooks(bench, { spent: 0 });
      for (const other of [{ claimType: "age_over18_france" }, { sandbox: true }]) {
        await assert.rejects(buy("key one", other), { code: "parameter_invalid", field: "claimType" });
      }
      const two = await buy("key two");
      assert.notEqual(two.privacyPassToken, one.privacyPassToken);
      await assertBooks(bench, { billed: 2, spent: 0 });
      assert.equal((await ledger.describe({ idempotencyKey: "key two" })).purchase.state, "issued");
      for (const wrong of [{ claimType: CLAIM_TYPE }, { claimType: CLAIM_TYPE, idempotencyKey: "" }, undefined, { relayToken: "relay_x" }, { relaySecret: "s" }]) {
        await assert.rejects(ledger.issuePrivacyPass(wrong), { code: "parameter_invalid" });
      }
    },
  },
  {
    name: "a pass that was bought elsewhere is bound to the relay, and needs no second telling",
    async run(bench) {
      const relay = await newRelay(bench);
      const { privacyPassToken } = await new Persona(optionsOf(bench)).relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
      await bench.simulator.faults([{ call: "redeem", fault: "500-after", times: 2 }]);
      const ledger = await newLedger(bench, { apiKey: undefined });
      await assert.rejects(ledger.generateClaim({ ...relay, privacyPassToken }), { code: "injected" });
      assert.equal((await (await newLedger(bench, { apiKey: undefined })).generateClaim(relay)).tokenConsumed, true);
      const { replayed } = await assertBooks(bench);
      assert.equal(replayed.redemptions, 2);
    },
  },
  {
    name: "a record that is none of ours is left alone, and reconcile() goes on with the others",
    async run(bench) {
      const relay = await newRelay(bench);
      const { store } = await bench.open();
      await store.record("purchase:junk").write("junk", undefined);
      await store.record("another's").write("junk", undefined);
      await bench.simulator.faults([{ call: "purchase", fault: "500-after", times: 2 }]);
      const ledger = await newLedger(bench);
      await assert.rejects(ledger.issuePrivacyPass(forPurchase(relay)), { code: "injected" });
      const { records, driven, failures } = await ledger.reconcile();
      assert.deepEqual([records, driven, failures.map(({ name, error }) => [name, error.code])], [2, 1, [["purchase:junk", "record_invalid"]]]);
      assert.equal((await store.record("purchase:junk").read()).text, "junk");
      await assertBooks(bench, { spent: 0 });
    },
  },
  {
    name: "wrong options are a TypeError",
    async run(bench) {
      const { store } = await bench.open();
      for (const wrong of [undefined, {}, { store: {} }, { store, idempotencySecret: "short" }, { store, idempotencySecret: 7 }, { store, retentionSeconds: 0 }, { store, timeoutMs: 0 }]) {
        assert.throws(() => new RelayLedger(wrong), TypeError);
      }
    },
  },
];

/** @type {import("./driver_support.mjs").Case[]} */
export const driverCases = [...cases, ...faultCases, ...concurrencyCases].map((one) => ({ for: () => true, ...one }));
