/** Records of durable calls that are none, or are never taken, and calls that nobody made. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import { test } from "node:test";
import { challengeForms, CLAIM_TYPE, failure, offer, PURCHASE_PATH, REDEEM, scriptedClient } from "./support.mjs";

const nobody = (options) => scriptedClient(() => assert.fail("a request was made"), options);
const selling = (path) => (path === PURCHASE_PATH ? assert.fail("a pass was bought") : challengeForms["by claim type"].answer(offer()));
const buy = (relays, durable) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, durable);
const redeem = (relays, durable) => relays.generateClaim(REDEEM, durable);

/** Gives versions as texts, as some databases do with large numbers, and compares them with numbers. */
const mixingTypes = { read: () => ({ text: '{"v":1,"attempt":0,"state":"none"}', version: "1" }), write: (text, version) => (version === 1 ? 2 : undefined) };
const answeringLater = { read: async () => undefined, write: () => new Promise((resolve) => setTimeout(resolve, 1)) };
const REFUSING = [
  ["answers nothing at once", { read: () => undefined, write: () => undefined }, [buy, redeem]],
  ["answers nothing later", answeringLater, [buy, redeem]],
  ["mixes the types of versions", mixingTypes, [buy]],
];

for (const [name, record, calls] of REFUSING) {
  test(`a store that ${name} and so takes no write: the call ends in its time, and others run meanwhile`, async () => {
    for (const call of calls) {
      let ticks = 0;
      const ticking = setInterval(() => (ticks += 1), 5);
      const error = await failure(call(scriptedClient(selling, { deadlineMs: 1000 }), { record }));
      clearInterval(ticking);
      assert.deepEqual([error.code, error.statusCode], ["store_failed", 503]);
      assert.match(String(error.cause), /^each write was refused/);
      assert.ok(ticks > 0);
    }
  });
}

test("a record that is no text is not told on", async () => {
  for (const text of [Buffer.from("c4n4ry"), { c4n4ry: "c4n4ry" }, ["c4n4ry"], undefined]) {
    const durable = { record: { read: () => ({ text, version: 1 }), write: () => 2 } };
    for (const call of [buy, redeem]) {
      const error = await failure(call(nobody(), durable));
      assert.deepEqual([error.code, error.cause], ["record_invalid", undefined]);
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes("c4n4ry"));
    }
  }
});

test("what nobody asked for spends nothing: a purchase that was refused to the end is not begun anew", async () => {
  const sent = { pending_pass: "AAAA", idempotency_key: "k", first_sent_at: 1, in_flight: false, in_doubt: false, first_5xx_at: null, sends: 0 };
  for (const state of ["none", { sent }]) {
    const kept = { text: JSON.stringify({ v: 1, attempt: 3, state }), version: 1 };
    const record = { read: () => kept, write: (text) => ((kept.text = text), (kept.version += 1)) };
    assert.equal((await failure(buy(nobody(), { record, byItself: true }))).code, "purchase_not_in_doubt");
    const { state: stands, attempt } = JSON.parse(kept.text);
    assert.deepEqual([stands, attempt], ["none", state === "none" ? 3 : 4]);
  }
});
