/** Durable calls: with a record, a purchase is made once and a claim delivered, whatever fails. */
import { LOST, UNKNOWN } from "./errors.mjs";
import { CLAIM_TYPE, toolsFor } from "../neutral/tools.mjs";

const byType = { claimType: CLAIM_TYPE };

/** @param {import("./index.mjs").Context} context */
export const durable = (context) => {
  const { library, stores, upstream, assert } = context;
  const { assertRepeated, client, failure, readyRelay } = toolsFor(context);
  const newRecord = () => new stores.MemoryStore().record("one");

  return {
    "a purchase with a record is made once and answered from then on": async () => {
      const record = newRecord();
      const first = await client().relays.issuePrivacyPass(byType, { record });
      const again = await client().relays.issuePrivacyPass(byType, { record });
      assert.deepEqual([first.replayed, again.replayed], [false, true]);
      assert.equal(again.privacyPassToken, first.privacyPassToken);
      assert.equal((await upstream.ledger()).billed.total, 1);
      const { state, attempt, inDoubt, unsettled } = library.describePurchase((await record.read()).text);
      assert.deepEqual([state, attempt, inDoubt, unsettled], ["issued", 0, false, false]);
    },

    "a purchase whose every answer was lost is repeated by the next call": async () => {
      const record = newRecord();
      await upstream.faults({ call: "purchase", fault: "500-after" });
      await failure(client({ maxRetries: 1 }).relays.issuePrivacyPass(byType, { record }));
      const { state, inDoubt, unsettled } = library.describePurchase((await record.read()).text);
      assert.deepEqual([state, inDoubt, unsettled], ["sent", true, true]);
      await upstream.clearFaults();
      const pass = await client().relays.issuePrivacyPass(byType, { record, byItself: true });
      assert.ok(pass.privacyPassToken.length > 0);
      assertRepeated(await upstream.requests("purchase"), 3);
      assert.equal((await upstream.ledger()).billed.total, 1);
    },

    "a purchase's idempotency key follows from idempotencySecret": async () => {
      const idempotencySecret = "for relay a";
      for (const secret of [idempotencySecret, idempotencySecret, "for relay b"]) {
        await client({ maxRetries: 0 }).relays.issuePrivacyPass(byType, { record: newRecord(), idempotencySecret: secret }).catch(() => {});
      }
      const keys = (await upstream.requests("purchase")).map(({ headers }) => headers["idempotency-key"]);
      assert.equal(keys[0], keys[1]);
      assert.notEqual(keys[0], keys[2]);
      assert.equal((await upstream.ledger()).billed.total, 2);
    },

    "a redemption with a record is answered from it, without the pass too": async () => {
      const record = newRecord();
      const relay = await readyRelay();
      const { relayToken, relaySecret } = relay;
      const first = await client().relays.generateClaim(relay, { record });
      const again = await client().relays.generateClaim({ relayToken, relaySecret }, { record });
      assert.deepEqual([first.replayed, again.replayed], [false, true]);
      assert.deepEqual([again.claimPayload, again.tokenConsumed], [first.claimPayload, true]);
      assert.equal((await upstream.requests("redeem")).length, 1);
      assert.equal(library.describeRedemption((await record.read()).text).state, "redeemed");
    },

    "a redemption whose every answer was lost is read by the next call": async () => {
      const record = newRecord();
      const relay = await readyRelay();
      await upstream.faults({ call: "redeem", fault: "drop-after" });
      await failure(client({ maxRetries: 0 }).relays.generateClaim(relay, { record }));
      assert.deepEqual([library.describeRedemption((await record.read()).text).inDoubt], [true]);
      await upstream.clearFaults();
      assert.equal((await client().relays.generateClaim({ ...relay, privacyPassToken: undefined }, { record })).tokenConsumed, true);
      const requests = await upstream.requests("redeem");
      assertRepeated(requests, requests.length);
      assert.equal((await upstream.ledger()).spent.total, 1);
    },

    "describePurchase and describeRedemption tell where a record stands": () => {
      const purchase = library.describePurchase(UNKNOWN);
      assert.deepEqual([purchase.state, purchase.attempt, purchase.since], ["unknown", 0, 2]);
      const redemption = library.describeRedemption(LOST);
      assert.deepEqual([redemption.state, redemption.since], ["lost", 1]);
      assert.ok(!JSON.stringify([purchase, redemption]).includes("MARK"), "a secret is in a description");
    },

    "a record that can't be written: nothing is sent": async () => {
      const relay = { relayToken: "relay_x", relaySecret: "s", privacyPassToken: "cGFzcw" };
      const full = () => Promise.reject(new Error("the disk is full"));
      const error = await failure(client().relays.generateClaim(relay, { record: { read: () => undefined, write: full } }));
      assert.deepEqual([error.code, error.cause?.message], ["store_failed", "the disk is full"]);
      assert.equal((await upstream.requests()).length, 0);
    },
  };
};
