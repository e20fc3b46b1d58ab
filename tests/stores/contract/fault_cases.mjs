/** The durable calls when upstream fails, the process is killed, the store fails, or keys change underneath. */
import assert from "node:assert/strict";
import path from "node:path";
import { assertBooks, assertKept, buyAndClaim, CALLS, forPurchase, IDEMPOTENCY_SECRET, newLedger, newRelay, optionsOf, paramsOf, THING } from "./driver_support.mjs";
import { NEW_KEY, OLD_KEY, aesGcmSealer, library, openDatabase, SqliteStore } from "./kinds.mjs";

const { RelayLedger } = library;

const FAULTS = ["drop-before", "drop-after", "hang-before", "hang-after", "500-before", "500-after", "429", "truncated", "truncated-chunked", "malformed-json", "403-then-ready"];

const answered = FAULTS.flatMap((fault) =>
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

const killed = Object.entries(CALLS).flatMap(([call, method]) => [
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

/** @type {import("./driver_support.mjs").Case[]} */
export const faultCases = [
  ...answered,
  ...killed,
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
  ...Object.keys(CALLS).map((call) => ({
    name: `the ${THING[call]} happens, its answer is lost, and what stands in front refuses: the same bytes get it`,
    async run(bench) {
      const relay = await newRelay(bench);
      const method = CALLS[call];
      const pass = call === "redeem" ? await (await newLedger(bench)).issuePrivacyPass(forPurchase(relay)) : undefined;
      const ledger = async () => newLedger(bench, { maxRetries: 0 });
      // Not a reset connection: Deno sends again by itself then.
      await bench.simulator.faults([{ call, fault: "500-after", times: 1 }]);
      await assert.rejects((await ledger())[method](paramsOf(call, relay)), { statusCode: 500 });
      const inFront = await newLedger(bench, { maxRetries: 0, fetch: async () => new Response("<h1>Not here</h1>", { status: 404 }) });
      for (let tries = 0; tries < 2; tries += 1) {
        const refused = await inFront[method](paramsOf(call, relay)).then(() => "done", ({ code }) => code);
        assert.equal(refused, call === "purchase" ? "purchase_unknown" : "upstream_not_found");
      }
      const result = await (await ledger())[method](paramsOf(call, relay));
      const claim = call === "redeem" ? result : await (await ledger()).generateClaim(relay);
      await assertBooks(bench);
      await assertKept(bench, relay, pass ?? result, claim);
    },
  })),
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
];

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
