/** RelayLedger over a MemoryStore, and the stores themselves. */
import { CLAIM_TYPE, toolsFor } from "../neutral/tools.mjs";
import { PRODUCTION_KEY } from "../neutral/upstream.mjs";

/** @param {import("./index.mjs").Context} context */
export const ledger = (context) => {
  const { library, stores, upstream, assert } = context;
  const { client, failure } = toolsFor(context);

  const open = (store, more) => new library.RelayLedger({ store, baseUrl: upstream.url, apiKey: PRODUCTION_KEY, idempotencySecret: "0123456789abcdef", ...more });
  const newRelay = async () => {
    const { relayToken, relaySecret } = await client().relays.create({ claimType: CLAIM_TYPE });
    return { relayToken, relaySecret };
  };

  return {
    "RelayLedger: a pass per relay and its claim, again as often as asked": async () => {
      const store = new stores.MemoryStore();
      const relay = await newRelay();
      const first = await open(store).issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE });
      const [again, atOnce] = await Promise.all([1, 2].map(() => open(store).issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE })));
      assert.deepEqual([first.replayed, again.replayed, atOnce.replayed], [false, true, true]);
      assert.equal(again.privacyPassToken, first.privacyPassToken);
      await upstream.complete(relay.relayToken);
      const claims = [await open(store).generateClaim(relay), await open(store).generateClaim(relay)];
      assert.deepEqual(claims.map(({ tokenConsumed, replayed }) => [tokenConsumed, replayed]), [[true, false], [true, true]]);
      assert.equal(library.parseClaim(claims[1].claimPayload).passed, true);
      const { purchase, redemption } = await open(store).describe(relay);
      assert.deepEqual([purchase.state, redemption.state], ["issued", "redeemed"]);
      const { billed, spent } = await upstream.ledger();
      assert.deepEqual([billed.total, spent.total], [1, 1]);
    },

    "RelayLedger: by relay, and by an idempotency key of the caller": async () => {
      const store = new stores.MemoryStore();
      const relay = await newRelay();
      const byRelay = await open(store).issuePrivacyPass(relay);
      const params = { claimType: CLAIM_TYPE, idempotencyKey: "3f0e8c1c-0001" };
      const byKey = await open(store).issuePrivacyPass(params);
      assert.equal((await open(store).issuePrivacyPass(params)).privacyPassToken, byKey.privacyPassToken);
      assert.notEqual(byKey.privacyPassToken, byRelay.privacyPassToken);
      assert.equal((await open(store).describe({ idempotencyKey: params.idempotencyKey })).purchase.state, "issued");
      const error = await failure(open(store).issuePrivacyPass({ ...params, sandbox: true }));
      assert.deepEqual([error.code, error.field], ["parameter_invalid", "claimType"]);
      assert.equal((await upstream.ledger()).billed.total, 2);
    },

    "RelayLedger: reconcile settles what was billed and spent while nobody knew": async () => {
      const store = new stores.MemoryStore();
      const relay = await newRelay();
      await upstream.faults(...["purchase", "redeem"].map((call) => ({ call, fault: "500-after" })));
      await failure(open(store, { maxRetries: 0 }).issuePrivacyPass({ ...relay, claimType: CLAIM_TYPE }));
      await upstream.clearFaults();
      const first = await open(store).reconcile();
      assert.deepEqual([first.records, first.driven, first.failures.length], [1, 1, 0]);
      await upstream.complete(relay.relayToken);
      await upstream.faults({ call: "redeem", fault: "500-after" });
      await failure(open(store, { maxRetries: 0 }).generateClaim(relay));
      await upstream.clearFaults();
      const second = await open(store).reconcile();
      assert.deepEqual([second.records, second.driven, second.failures.length], [2, 1, 0]);
      assert.equal((await open(store).generateClaim(relay)).replayed, true);
      const { billed, spent } = await upstream.ledger();
      assert.deepEqual([billed.total, spent.total], [1, 1]);
    },

    "MemoryStore: compare-and-set, names, expiry": async () => {
      const store = new stores.MemoryStore();
      const record = store.record("b", { ttlSeconds: 60 });
      assert.equal(await record.read(), undefined);
      const version = await record.write("one", undefined);
      assert.ok(version !== undefined && version !== null);
      assert.equal(await record.write("two", undefined), undefined);
      const next = await record.write("two", version);
      assert.equal(await record.write("three", version), undefined);
      assert.deepEqual(await store.record("b").read(), { text: "two", version: next });
      await store.record("a").write("kept", undefined);
      assert.deepEqual(await store.names(), ["a", "b"]);
      assert.equal(await store.deleteExpired(), 0);
      assert.equal(await store.deleteExpired(Date.now() + 3_600_000), 1);
      assert.deepEqual(await store.names(), ["a"]);
    },

    "aesGcmSealer: what is sealed is opened under its name, by an older key too, and not when it was altered": async () => {
      const [old, young] = [1, 2].map((byte) => ({ id: `k${byte}`, key: new Uint8Array(32).fill(byte) }));
      const sealed = await stores.aesGcmSealer([old]).seal("name", "secret \u00fc");
      const rotated = stores.aesGcmSealer([young, old]);
      assert.equal(await rotated.open("name", sealed), "secret \u00fc");
      assert.ok(!sealed.includes("secret"));
      const flipped = sealed.replace(/.$/, (last) => (last === "A" ? "B" : "A")).replace(/(.)(.{8})$/, (_, one, rest) => (one === "A" ? "B" : "A") + rest);
      for (const [name, text, sealer] of [["other", sealed, rotated], ["name", flipped, rotated], ["name", sealed, stores.aesGcmSealer([young])]]) {
        const outcome = await Promise.resolve(sealer.open(name, text)).then(() => "opened", (error) => error instanceof Error);
        assert.equal(outcome, true);
      }
    },
  };
};
