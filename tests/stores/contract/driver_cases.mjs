/** What the durable calls do over every store: the second half of the contract. */
import assert from "node:assert/strict";
import path from "node:path";
import { NEW_KEY, OLD_KEY, SqliteStore, aesGcmSealer, library, openDatabase } from "./kinds.mjs";

const { Persona, RelayLedger, describePurchase, describeRedemption } = library;
const CLAIM_TYPE = "age_over18_united_kingdom";
const IDEMPOTENCY_SECRET = "a secret of this deployment";
const always = () => true;
const times = (count, work) => Promise.all(Array.from({ length: count }, (_, index) => work(index)));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @typedef {import("./run.mjs").Bench} Bench */

const optionsOf = ({ simulator }) => ({ baseUrl: simulator.url, apiKey: "persona_production_simulator", timeoutMs: 2000, maxRetries: 1, deadlineMs: 10_000 });
const CALLS = { purchase: "issuePrivacyPass", redeem: "generateClaim" };
const THING = { purchase: "purchase", redeem: "redemption" };

/** A relay whose person has finished. */
async function newRelay(bench, { result = "passed" } = {}) {
  const { relayToken, relaySecret } = await new Persona(optionsOf(bench)).relays.create({ claimType: CLAIM_TYPE });
  if (result !== null) await bench.simulator.complete(relayToken, result);
  return { relayToken, relaySecret };
}

/** A ledger over a handle of its own. */
async function newLedger(bench, options = {}) {
  const { store } = await bench.open();
  return new RelayLedger({ ...optionsOf(bench), store, ...options });
}

const forPurchase = (relay) => ({ ...relay, claimType: CLAIM_TYPE });
const paramsOf = (call, relay) => (call === "purchase" ? forPurchase(relay) : relay);

/** Calls until it goes well; answers the result and the errors before it. */
async function settle(work) {
  const errors = [];
  for (let tries = 0; tries < 12; tries += 1) {
    try {
      return { value: await work(), errors };
    } catch (error) {
      // A fault in the library settles nothing: two drivers at once, for one, are no such thing.
      if (!(error instanceof library.PersonaError) || error.code === "internal") throw error;
      errors.push(error.code);
      await sleep(20);
    }
  }
  return assert.fail(`it does not settle: ${errors.join(", ")}`);
}

/** The upstream's books: so much was billed and spent, and nothing twice. */
async function assertBooks({ simulator }, { billed = 1, spent = 1, refunded = 0 } = {}) {
  const ledger = await simulator.ledger();
  assert.deepEqual(
    { billed: ledger.billed.total, spent: ledger.spent.total, refunded: ledger.refunded.total, doubleBilled: ledger.doubleBilled },
    { billed, spent, refunded, doubleBilled: [] },
  );
  return ledger;
}

/** Both results are there for good: they are answered again, by whoever has the store, and nothing is sent. */
async function assertKept(bench, relay, pass, claim) {
  const before = (await bench.simulator.requests()).length;
  for (let again = 0; again < 2; again += 1) {
    const ledger = await newLedger(bench);
    assert.deepEqual(await ledger.issuePrivacyPass(forPurchase(relay)), { privacyPassToken: pass.privacyPassToken, replayed: true });
    if (claim === undefined) continue;
    const { claimPayload, tokenConsumed } = claim;
    assert.deepEqual(await ledger.generateClaim(relay), { claimPayload, tokenConsumed, replayed: true });
  }
  assert.equal((await bench.simulator.requests()).length, before, "something was sent");
}

/** Pass and claim, whatever is in the way. */
async function buyAndClaim(bench, relay, options) {
  const ledger = await newLedger(bench, options);
  const { value: pass, errors } = await settle(() => ledger.issuePrivacyPass(forPurchase(relay)));
  const { value: claim, errors: later } = await settle(() => ledger.generateClaim(relay));
  return { pass, claim, errors: [...errors, ...later] };
}

const FAULTS = ["drop-before", "drop-after", "hang-before", "hang-after", "500-before", "500-after", "429", "truncated", "truncated-chunked", "malformed-json", "403-then-ready"];

const faultCases = FAULTS.flatMap((fault) =>
  Object.keys(CALLS)
    .filter((call) => call === "redeem" || fault !== "403-then-ready")
    .map((call) => ({
      name: `${fault} on the ${THING[call]}: billed once, spent once, answered`,
      async run(bench) {
        const relay = await newRelay(bench);
        // More often than one call tries.
        await bench.simulator.faults([{ call, fault, times: 3, ...(fault === "429" && { "retry-after": 0 }) }]);
        const { pass, claim, errors } = await buyAndClaim(bench, relay, { timeoutMs: 300 });
        assert.ok(errors.length > 0, "no call failed");
        await assertBooks(bench);
        await assertKept(bench, relay, pass, claim);
      },
    })),
);

const killCases = Object.entries(CALLS).flatMap(([call, method]) => [
  {
    name: `SIGKILL when the upstream has processed the ${THING[call]}, and another process goes on`,
    for: ({ durable }) => durable,
    async run(bench) {
      const relay = await newRelay(bench);
      const ledger = await newLedger(bench);
      const bought = call === "redeem" ? await ledger.issuePrivacyPass(forPurchase(relay)) : undefined;
      await killWhenProcessed(bench, call, { method, params: paramsOf(call, relay) });
      const result = await bench.start({ do: "call", options: optionsOf(bench), method, params: paramsOf(call, relay) }).result();
      assert.equal(result.replayed, false);
      const pass = bought ?? result;
      const claim = call === "redeem" ? result : await ledger.generateClaim(relay);
      const { replayed } = await assertBooks(bench);
      assert.deepEqual(replayed, { purchases: 0, redemptions: 0, [`${THING[call]}s`]: 1 });
      await assertKept(bench, relay, pass, claim);
    },
  },
  {
    name: `SIGKILL when the upstream has processed the ${THING[call]}, and reconcile() fetches what it was`,
    for: ({ durable }) => durable,
    async run(bench) {
      const relay = await newRelay(bench);
      const ledger = await newLedger(bench);
      if (call === "redeem") await ledger.issuePrivacyPass(forPurchase(relay));
      await killWhenProcessed(bench, call, { method, params: paramsOf(call, relay) });
      const part = THING[call];
      const stood = (await ledger.describe(relay))[part];
      assert.deepEqual([stood.state, stood.inDoubt, stood.unsettled], ["sent", true, true]);
      assert.deepEqual(await ledger.reconcile({ minAgeSeconds: 100 }), { records: call === "redeem" ? 2 : 1, driven: 0, failures: [] });
      assert.deepEqual(await ledger.reconcile(), { records: call === "redeem" ? 2 : 1, driven: 1, failures: [] });
      const stands = (await ledger.describe(relay))[part];
      assert.deepEqual([stands.state, stands.inDoubt, stands.unsettled], [call === "purchase" ? "issued" : "redeemed", false, false]);
      const pass = await ledger.issuePrivacyPass(forPurchase(relay));
      const claim = await ledger.generateClaim(relay);
      assert.deepEqual([pass.replayed, claim.replayed], [true, call === "redeem"]);
      await assertBooks(bench);
      await assertKept(bench, relay, pass, claim);
    },
  },
  {
    name: `SIGKILL three times in a row at the ${THING[call]}, all of its answers dropped`,
    for: ({ durable }) => durable,
    async run(bench) {
      const relay = await newRelay(bench);
      const ledger = await newLedger(bench);
      if (call === "redeem") await ledger.issuePrivacyPass(forPurchase(relay));
      for (let round = 0; round < 3; round += 1) await killWhenProcessed(bench, call, { method, params: paramsOf(call, relay) });
      const { pass, claim } = await buyAndClaim(bench, relay);
      await assertBooks(bench);
      await assertKept(bench, relay, pass, claim);
    },
  },
]);

/** A process makes a call, and is killed while the upstream has done its work and not answered yet. */
async function killWhenProcessed(bench, call, { method, params }) {
  await bench.simulator.faults([{ call, "hold-after": true, times: 1 }]);
  const dying = bench.start({ do: "call", options: optionsOf(bench), method, params });
  await bench.simulator.processed(call);
  await dying.kill();
  await bench.simulator.release({ drop: true });
  await bench.simulator.faults([]);
  assert.deepEqual(dying.lines, []);
}

/** @type {{ name: string, for?: (kind: any) => boolean, run: (bench: Bench) => Promise<void> }[]} */
export const driverCases = [
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
  ...faultCases,
  ...killCases,
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
    name: "the idempotency secret is changed in the middle of a purchase",
    async run(bench) {
      const relay = await newRelay(bench);
      await bench.simulator.faults([{ call: "purchase", fault: "500-after", times: 2 }]);
      await assert.rejects((await newLedger(bench, { idempotencySecret: IDEMPOTENCY_SECRET })).issuePrivacyPass(forPurchase(relay)), { code: "injected" });
      const pass = await (await newLedger(bench, { idempotencySecret: "quite another secret" })).issuePrivacyPass(forPurchase(relay));
      await assertBooks(bench, { spent: 0 });
      await assertKept(bench, relay, pass);
    },
  },
  {
    name: "the sealing key is changed in the middle of a purchase and of a redemption",
    for: ({ sealed }) => sealed,
    async run(bench) {
      const relay = await newRelay(bench);
      const before = await newLedger(bench);
      const db = await openDatabase(path.join(bench.folder, "records.db"));
      const after = new RelayLedger({ ...optionsOf(bench), store: new SqliteStore(db, { seal: aesGcmSealer([NEW_KEY, OLD_KEY]) }) });
      for (const [call, method] of Object.entries(CALLS)) {
        await bench.simulator.faults([{ call, fault: "500-after", times: 2 }]);
        // What the second one wrote the first one can't open any more.
        await assert.rejects(call === "purchase" ? before[method](paramsOf(call, relay)) : after[method](relay), { code: "injected" });
        await after[method](paramsOf(call, relay));
      }
      await assertBooks(bench);
      await assert.rejects(before.generateClaim(relay), { code: "store_failed" });
      assert.equal((await after.generateClaim(relay)).replayed, true);
      db.close();
    },
  },
  {
    name: "a store that fails: nothing is sent before it is written, and nothing is lost after",
    async run(bench) {
      const relay = await newRelay(bench);
      const { store } = await bench.open();
      const failing = (nth) => {
        let writes = 0;
        const record = (name, options) => {
          const inner = store.record(name, options);
          const write = async (...args) => {
            writes += 1;
            if (writes === nth) throw new Error("the disk is full");
            return inner.write(...args);
          };
          return { read: () => inner.read(), write };
        };
        return new RelayLedger({ ...optionsOf(bench), store: { record, names: () => store.names() } });
      };
      const fails = { code: "store_failed", statusCode: 503 };
      await assert.rejects(failing(1).issuePrivacyPass(forPurchase(relay)), fails);
      await assertBooks(bench, { billed: 0, spent: 0 });
      await assert.rejects(failing(2).issuePrivacyPass(forPurchase(relay)), fails);
      await assertBooks(bench, { spent: 0 });
      const ledger = await newLedger(bench);
      const pass = await ledger.issuePrivacyPass(forPurchase(relay));
      await assert.rejects(failing(1).generateClaim(relay), fails);
      await assertBooks(bench, { spent: 0 });
      await assert.rejects(failing(2).generateClaim(relay), fails);
      const claim = await ledger.generateClaim(relay);
      await assertBooks(bench);
      await assertKept(bench, relay, pass, claim);
      const unreadable = new RelayLedger({ ...optionsOf(bench), store: { record: () => ({ read: () => Promise.reject(new Error("no")) }), names: () => [] } });
      for (const method of ["issuePrivacyPass", "generateClaim", "describe"]) await assert.rejects(unreadable[method](forPurchase(relay)), fails);
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
  {
    name: "wrong options are a TypeError",
    async run(bench) {
      const { store } = await bench.open();
      for (const wrong of [undefined, {}, { store: {} }, { store, idempotencySecret: "short" }, { store, idempotencySecret: 7 }, { store, retentionSeconds: 0 }, { store, timeoutMs: 0 }]) {
        assert.throws(() => new RelayLedger(wrong), TypeError);
      }
    },
  },
].map((one) => ({ for: always, ...one }));
