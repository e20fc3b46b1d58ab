/** Keys are rotated while something is in flight: what was begun goes on, and nothing is bought or spent again. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { describe, test } from "node:test";
import { findRuntime } from "../../scripts/lib/runtimes.mjs";
import { workerd } from "./drivers/workerd.mjs";
import { calls, delivered } from "./lib/callers.mjs";
import { childDriver, newStoreKey } from "./lib/child_driver.mjs";
import { openLane } from "./lib/lane.mjs";

// Nothing here waits for a try that hangs, and one that is late on a busy machine is not to be taken for it.
const sqliteNode = childDriver({ name: "sqlite-node", kind: "sqlite", kills: true, runtime: () => findRuntime("node"), timeoutMs: 5_000 });

let rotations = 0;

/** Puts new keys in front of the old ones, and, where there is only one, in its place. @param {Record<string, string>} secrets */
function rotate(secrets) {
  rotations += 1;
  secrets.storeKeys = `${newStoreKey(`k${rotations + 1}`)},${secrets.storeKeys}`;
  const old = secrets.idempotencyKeys === undefined ? "" : `,${secrets.idempotencyKeys}`;
  secrets.idempotencyKeys = `${newStoreKey(`i${rotations + 1}`)}${old}`;
  secrets.idempotencySecret = crypto.randomBytes(32).toString("hex");
}

for (const driver of [workerd, sqliteNode]) {
  const skip = driver.available === undefined || driver.available === true ? false : driver.available;
  describe(`rotated keys: ${driver.name}`, { skip }, () => {
    /** @param {(lane: import("./lib/lane.mjs").Lane, relay: import("./lib/callers.mjs").Relay) => Promise<void>} work */
    async function withRelay(work) {
      const lane = await openLane(driver);
      try {
        const relay = await calls.create(lane.host, "age_over18_germany");
        lane.simulator.complete(relay.relayToken, { result: "passed" });
        await work(lane, relay);
        const { billed, redemptions, doubleBilled, refused } = lane.simulator.ledger();
        assert.equal(billed.total, 1);
        assert.deepEqual(doubleBilled, []);
        assert.equal(redemptions[relay.relayToken]?.spent ?? 0, 1);
        assert.equal(refused.byCode.idempotency_error, undefined);
      } finally {
        await lane.close();
      }
    }

    /** A call is processed, the process is killed, and started again with other keys. */
    async function killedAndRotated(/** @type {import("./lib/lane.mjs").Lane} */ lane, /** @type {import("./lib/callers.mjs").Relay} */ relay, /** @type {"purchase" | "keyed" | "redeem"} */ call) {
      const upstreamCall = call === "redeem" ? call : "purchase";
      lane.simulator.faults.set([{ call: upstreamCall, "hold-after": true, times: 1 }]);
      const broken = calls[call](lane.host, relay);
      await lane.simulator.faults.processed(upstreamCall);
      await lane.host.kill();
      assert.equal(delivered(await broken), undefined);
      lane.simulator.faults.clear();
      rotate(lane.secrets);
      await lane.restart();
      return mustDeliver(lane, relay, call);
    }

    test("between the kill and the restart, three times", () =>
      withRelay(async (lane, relay) => {
        const pass = await killedAndRotated(lane, relay, "purchase");
        const claim = await killedAndRotated(lane, relay, "redeem");
        rotate(lane.secrets);
        await lane.host.close();
        await lane.restart();
        assert.equal(await mustDeliver(lane, relay, "purchase"), pass);
        assert.equal(await mustDeliver(lane, relay, "redeem"), claim);
      }));

    test("between the kill and the restart of a purchase under a caller's key, and once more", () =>
      withRelay(async (lane, relay) => {
        relay.pass = await killedAndRotated(lane, relay, "keyed");
        rotate(lane.secrets);
        await lane.host.close();
        await lane.restart();
        assert.equal(await mustDeliver(lane, relay, "keyed"), relay.pass);
        await mustDeliver(lane, relay, "redeem");
      }));

    test("while the outcome is in doubt, in an orderly deployment", () =>
      withRelay(async (lane, relay) => {
        for (const call of /** @type {const} */ (["purchase", "redeem"])) {
          // Processed by the first request, and nobody hears of it before the deployment.
          lane.simulator.faults.set([{ call, fault: "drop-after", times: 2 * driver.tries }]);
          for (let round = 0; round < 2; round++) {
            assert.equal(delivered(await calls[call](lane.host, relay)), undefined);
            rotate(lane.secrets);
            await lane.host.close();
            await lane.restart();
          }
          lane.simulator.faults.clear();
          await mustDeliver(lane, relay, call);
        }
      }));

    test("a store key that was taken away too early: nothing is sent, and nothing is lost when it is put back", () =>
      withRelay(async (lane, relay) => {
        lane.simulator.faults.set([{ call: "purchase", fault: "drop-after", times: driver.tries }]);
        assert.equal(delivered(await calls.purchase(lane.host, relay)), undefined);
        lane.simulator.faults.clear();
        const { storeKeys } = lane.secrets;
        lane.secrets.storeKeys = newStoreKey("other");
        await lane.host.close();
        await lane.restart();
        const requests = lane.simulator.requests().length;
        const refused = await calls.purchase(lane.host, relay);
        assert.ok((refused.status ?? 0) >= 500, `answered ${refused.status} ${refused.code}`);
        assert.equal(lane.simulator.requests().length, requests, "nothing was sent");
        lane.secrets.storeKeys = `${lane.secrets.storeKeys},${storeKeys}`;
        await lane.host.close();
        await lane.restart();
        await mustDeliver(lane, relay, "purchase");
        await mustDeliver(lane, relay, "redeem");
      }));
  });
}

/** @param {import("./lib/lane.mjs").Lane} lane @param {import("./lib/callers.mjs").Relay} relay @param {"purchase" | "keyed" | "redeem"} call */
async function mustDeliver(lane, relay, call) {
  const answer = await calls[call](lane.host, relay);
  const value = delivered(answer);
  assert.ok(value !== undefined, `${call}: ${answer.status} ${answer.code} ${answer.broken}`);
  return value;
}
