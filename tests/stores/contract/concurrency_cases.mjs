/** The durable calls of several drivers at once, and answers that come late. */
import assert from "node:assert/strict";
import { assertBooks, assertKept, CALLS, forPurchase, IDEMPOTENCY_SECRET, newLedger, newRelay, optionsOf, paramsOf, settle, sleep, times } from "./driver_support.mjs";
import { library } from "./kinds.mjs";

const { RelayLedger } = library;

/** @type {import("./driver_support.mjs").Case[]} */
export const concurrencyCases = [
  {
    name: "answers in the wrong order: the second driver's comes first",
    async run(bench) {
      const relay = await newRelay(bench);
      const [one, two] = [await newLedger(bench), await newLedger(bench)];
      const results = {};
      for (const [call, method] of Object.entries(CALLS)) {
        await bench.simulator.faults([{ call, "hold-after": true, times: 1 }]);
        const held = one[method](paramsOf(call, relay));
        await bench.simulator.processed(call);
        const first = await two[method](paramsOf(call, relay));
        await bench.simulator.release();
        const { replayed: _, ...late } = await held;
        const { replayed: __, ...early } = first;
        assert.deepEqual(late, early);
        results[call] = first;
      }
      await assertBooks(bench);
      await assertKept(bench, relay, results.purchase, results.redeem);
    },
  },
  {
    name: "a held call is given up and made again; then the first one's answer comes",
    async run(bench) {
      const relay = await newRelay(bench);
      const { store } = await bench.open();
      const ledger = new RelayLedger({ ...optionsOf(bench), store, timeoutMs: 200, maxRetries: 0 });
      await bench.simulator.faults([{ call: "purchase", fault: "hang-after", ms: 600, times: 1 }, { call: "redeem", fault: "hang-after", ms: 600, times: 1 }]);
      const late = [];
      const slow = new RelayLedger({ ...optionsOf(bench), store, maxRetries: 0 });
      for (const [call, method] of Object.entries(CALLS)) {
        const waiting = slow[method](paramsOf(call, relay));
        await sleep(100);
        const { value } = await settle(() => ledger[method](paramsOf(call, relay)));
        late.push([value, await waiting]);
      }
      const [[pass, latePass], [claim, lateClaim]] = late;
      assert.equal(pass.privacyPassToken, latePass.privacyPassToken);
      assert.equal(claim.claimPayload, lateClaim.claimPayload);
      await assertBooks(bench);
      await assertKept(bench, relay, pass, claim);
    },
  },
  {
    name: "a refusal that comes late does not touch the next attempt",
    async run(bench) {
      const relay = await newRelay(bench);
      /** A ledger whose answers to purchases are kept back until `letGo`. */
      const late = async () => {
        let letGo;
        let arrived;
        const gate = new Promise((resolve) => (letGo = resolve));
        const has = new Promise((resolve) => (arrived = resolve));
        const slow = async (url, init) => {
          const answer = await fetch(url, init);
          if (new URL(url).pathname !== "/api/v1/privacy-passes") return answer;
          arrived();
          await gate;
          return answer;
        };
        const ledger = await newLedger(bench, { maxRetries: 0, timeoutMs: 20_000, deadlineMs: 20_000, fetch: slow });
        const outcome = ledger.issuePrivacyPass(forPurchase(relay)).catch((error) => error);
        await has;
        return { letGo, outcome };
      };
      await bench.simulator.faults([{ call: "purchase", fault: "500-before", status: 422, times: 2 }]);
      const refused = await late();
      await assert.rejects((await newLedger(bench)).issuePrivacyPass(forPurchase(relay)), { statusCode: 422 });
      const bought = await late();
      await assertBooks(bench, { spent: 0 });
      refused.letGo();
      await refused.outcome;
      bought.letGo();
      const first = await bought.outcome;
      const { value: pass } = await settle(async () => (await newLedger(bench)).issuePrivacyPass(forPurchase(relay)));
      await assertBooks(bench, { spent: 0 });
      assert.equal(first.privacyPassToken, pass.privacyPassToken);
      await assertKept(bench, relay, pass);
    },
  },
  {
    name: "20 concurrent callers of one ledger go together, and are given the same answer",
    async run(bench) {
      const relay = await newRelay(bench);
      // So slow that the last caller is there before the first one has its answer.
      const slow = async (url, init) => {
        const answer = await fetch(url, init);
        await new Promise((resolve) => setTimeout(resolve, 250));
        return answer;
      };
      const ledger = await newLedger(bench, { fetch: slow });
      const passes = await times(20, () => ledger.issuePrivacyPass(forPurchase(relay)));
      const claims = await times(20, () => ledger.generateClaim(relay));
      assert.equal(new Set(passes.map((pass) => JSON.stringify(pass))).size, 1);
      assert.equal(new Set(claims.map((claim) => JSON.stringify(claim))).size, 1);
      const { replayed } = await assertBooks(bench);
      // Not none: Bun and Deno send a request again by themselves when a kept connection turns out to be closed.
      assert.ok(replayed.purchases <= 1 && replayed.redemptions <= 1, JSON.stringify(replayed));
      await assertKept(bench, relay, passes[0], claims[0]);
    },
  },
  ...[undefined, IDEMPOTENCY_SECRET].map((idempotencySecret) => ({
    name: `20 concurrent ledgers, each with its own handle, ${idempotencySecret === undefined ? "random keys" : "an idempotency secret"}: billed once, spent once`,
    async run(bench) {
      const relay = await newRelay(bench);
      const ledgers = await times(20, () => newLedger(bench, { idempotencySecret, maxRetries: 3, timeoutMs: 10_000 }));
      const passes = await times(20, (index) => settle(() => ledgers[index].issuePrivacyPass(forPurchase(relay))));
      assert.equal(new Set(passes.map(({ value }) => value.privacyPassToken)).size, 1);
      const claims = await times(20, (index) => settle(() => ledgers[index].generateClaim(relay)));
      assert.equal(new Set(claims.map(({ value }) => value.claimPayload)).size, 1);
      await assertBooks(bench);
      await assertKept(bench, relay, passes[0].value, claims[0].value);
    },
  })),
  {
    name: "20 concurrent callers while every third answer is dropped",
    async run(bench) {
      const relay = await newRelay(bench);
      await bench.simulator.faults([{ call: "purchase", fault: "drop-after", probability: 0.3 }, { call: "redeem", fault: "drop-after", probability: 0.3 }], 7);
      const ledgers = await times(4, () => newLedger(bench));
      const passes = await times(20, (index) => settle(() => ledgers[index % 4].issuePrivacyPass(forPurchase(relay))));
      const claims = await times(20, (index) => settle(() => ledgers[index % 4].generateClaim(relay)));
      assert.equal(new Set(passes.map(({ value }) => value.privacyPassToken)).size, 1);
      assert.equal(new Set(claims.map(({ value }) => value.claimPayload)).size, 1);
      await assertBooks(bench);
      await assertKept(bench, relay, passes[0].value, claims[0].value);
    },
  },
  {
    name: "3 processes on one store at once: billed once, spent once",
    for: ({ durable }) => durable,
    async run(bench) {
      const relay = await newRelay(bench);
      const all = async (call) => {
        const processes = Array.from({ length: 3 }, () => bench.start({ do: "call", options: optionsOf(bench), method: CALLS[call], params: paramsOf(call, relay) }));
        return Promise.all(processes.map((each) => each.result()));
      };
      // Held until all have come, so that they are at it together.
      const together = async (call) => {
        await bench.simulator.faults([{ call, fault: "slow", ms: 500 }]);
        return all(call);
      };
      const passes = await together("purchase");
      const claims = await together("redeem");
      assert.equal(new Set(passes.map((pass) => pass.privacyPassToken)).size, 1);
      assert.equal(new Set(claims.map((claim) => claim.claimPayload)).size, 1);
      await assertBooks(bench);
      await bench.simulator.faults([]);
      await assertKept(bench, relay, passes[0], claims[0]);
    },
  },
  {
    name: "relays are apart: 10 at once, each with one pass and one claim",
    async run(bench) {
      const ledger = await newLedger(bench, { maxRetries: 3 });
      const relays = await times(10, () => newRelay(bench));
      const passes = await times(10, (index) => ledger.issuePrivacyPass(forPurchase(relays[index])));
      await times(10, (index) => ledger.generateClaim(relays[index]));
      assert.equal(new Set(passes.map((pass) => pass.privacyPassToken)).size, 10);
      await assertBooks(bench, { billed: 10, spent: 10 });
    },
  },
  {
    name: "reconcile() keeps away from what is under way, and from what was refused",
    async run(bench) {
      const [relay, refused] = [await newRelay(bench), await newRelay(bench)];
      const ledger = await newLedger(bench);
      await bench.simulator.faults([{ call: "purchase", fault: "500-before", status: 422, times: 1 }]);
      await assert.rejects(ledger.issuePrivacyPass(forPurchase(refused)), { statusCode: 422 });
      await bench.simulator.faults([{ call: "purchase", "hold-after": true, times: 1 }]);
      const working = ledger.issuePrivacyPass(forPurchase(relay));
      await bench.simulator.processed("purchase");
      assert.equal((await ledger.reconcile()).driven, 0);
      await bench.simulator.release();
      await working;
      assert.equal((await ledger.reconcile()).driven, 0);
      const { replayed } = await assertBooks(bench, { spent: 0 });
      assert.equal(replayed.purchases, 0);
    },
  },
];
