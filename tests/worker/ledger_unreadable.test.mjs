/** A ledger that can't be opened, for its key is gone or managed mode was left: what it keeps, and when it goes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { caller, complete, managedSecrets, newStoreKey, persistent } from "./support.mjs";

const HOUR = 60 * 60_000;
const DAY = 24 * HOUR;
const KEPT = ["flags called", "records purchase", "records redemption", "subject relay"];

const about = (actual, expected) => assert.ok(Math.abs(actual - expected) < Math.max(6000, expected / 100), `${actual} is not about ${expected}`);

/** One deployment whose settings change: `open` ends the gateway before it, and starts one with other store keys. */
async function deployment(t) {
  const secrets = managedSecrets();
  const [k1, k2] = [secrets.bindings.STORE_KEYS, newStoreKey("k2")];
  const simulator = await startSimulator();
  t.after(() => simulator.close());
  const stores = await persistent(t);
  let gateway;
  t.after(() => gateway?.close());
  return {
    simulator, k1, k2,
    /** @param {string | undefined} STORE_KEYS none: managed mode is left */
    async open(STORE_KEYS) {
      await gateway?.close();
      const bindings = STORE_KEYS === undefined ? {} : { ...secrets.bindings, STORE_KEYS };
      gateway = await startGateway({ upstream: simulator.url, bindings, ledger: "aging", ...stores });
      const complaints = () => gateway.logs().filter(({ event }) => event === "alarm");
      return { gateway, shop: caller(gateway, secrets.shop), complaints };
    },
    async newRelay(shop) {
      const { body } = await shop.create();
      await complete(simulator, body["relay-token"]);
      return { token: body["relay-token"], secret: body["relay-secret"] };
    },
  };
}

for (const [why, keys, code] of [["its key was taken out", ({ k2 }) => k2, "stored_record_invalid"], ["managed mode was left", () => undefined, "misconfigured"]]) {
  test(`${why}: what is over is deleted once KV has forgotten its relay; until then it is complained about`, async (t) => {
    const place = await deployment(t);
    const before = await place.open(place.k1);
    const relay = await place.newRelay(before.shop);
    assert.equal((await before.shop.issue({ "relay-token": relay.token })).status, 200);
    assert.equal((await before.shop.redeem(relay.token)).status, 200);
    const { gateway, complaints } = await place.open(keys(place));
    const week = await gateway.age(relay, 7 * DAY + HOUR);
    assert.deepEqual(week.rows, KEPT);
    about(week.alarm, 7 * DAY);
    const line = await gateway.log(({ event }) => event === "alarm");
    assert.deepEqual([line.level, line.code, line.mend.length, line.fault], ["error", code, 1, undefined]);
    const last = await gateway.age(relay, 83 * DAY);
    assert.deepEqual(last.rows, KEPT);
    about(last.alarm, DAY);
    assert.deepEqual(await gateway.age(relay, 2 * DAY), { rows: [], alarm: null });
    assert.equal(complaints().length, 2);
  });
}

test("its key was taken out: a purchase in doubt and a claim in doubt are never deleted, and go on when the key is back", async (t) => {
  const place = await deployment(t);
  const before = await place.open(place.k1);
  const [purchase, claim] = [await place.newRelay(before.shop), await place.newRelay(before.shop)];
  assert.equal((await before.shop.issue({ "relay-token": claim.token })).status, 200);
  place.simulator.faults.set([{ call: "purchase", fault: "drop-after" }, { call: "redeem", fault: "drop-after" }]);
  assert.equal((await before.shop.issue({ "relay-token": purchase.token })).status, 502);
  assert.equal((await before.shop.redeem(claim.token)).status, 502);
  place.simulator.faults.clear();
  const { gateway, complaints } = await place.open(place.k2);
  const [one, two] = [await gateway.age(purchase, 0), await gateway.age(claim, 0)];
  for (const { alarm } of [one, two]) about(alarm, HOUR); // within the day that Persona remembers
  for (const days of [2, 100, 1000]) {
    for (const relay of [purchase, claim]) {
      const { rows, alarm } = await gateway.age(relay, (days * DAY) / 2);
      assert.ok(rows.includes("records purchase") && rows.includes("subject relay"), rows.join());
      assert.equal(rows.includes("records redemption"), relay === claim);
      about(alarm, DAY);
    }
  }
  assert.deepEqual(new Set(complaints().map(({ code }) => code)), new Set(["stored_record_invalid"]));
  const after = await place.open(`${place.k2},${place.k1}`);
  const billed = place.simulator.ledger().billed.total;
  assert.equal((await after.shop.redeem(claim.token)).status, 200);
  assert.equal((await after.shop.issue({ "relay-token": purchase.token })).status, 200);
  assert.equal(place.simulator.ledger().billed.total, billed, "it was bought again");
});

test("its key was taken out and is put back: what should have been deleted meanwhile is, at the next look", async (t) => {
  const place = await deployment(t);
  const before = await place.open(place.k1);
  const relay = await place.newRelay(before.shop);
  assert.equal((await before.shop.issue({ "relay-token": relay.token })).status, 200);
  assert.equal((await before.shop.redeem(relay.token)).status, 200);
  const without = await place.open(place.k2);
  assert.deepEqual((await without.gateway.age(relay, 7 * DAY + HOUR)).rows, KEPT);
  const after = await place.open(`${place.k2},${place.k1}`);
  assert.deepEqual(await after.gateway.age(relay, 14 * DAY + HOUR), { rows: [], alarm: null });
});

test("older keys are put back: what KV still shows is not bought again, for its ledger stays", async (t) => {
  const place = await deployment(t);
  const relay = await place.newRelay((await place.open(place.k1)).shop);
  const { shop } = await place.open(`${place.k2},${place.k1}`);
  assert.equal((await shop.issue({ "relay-token": relay.token })).status, 200);
  assert.equal((await shop.redeem(relay.token)).status, 200);
  const back = await place.open(place.k1);
  assert.deepEqual((await back.gateway.age(relay, 8 * DAY)).rows, KEPT);
  const { error } = await back.shop.issue({ "relay-token": relay.token });
  assert.equal(error.code, "stored_record_invalid");
  assert.equal(place.simulator.ledger().billed.total, 1);
});

test("98 days after a rotation nothing is left under the old key, as docs/deploying.md has it", async (t) => {
  const place = await deployment(t);
  const before = await place.open(place.k1);
  const relay = await place.newRelay(before.shop);
  place.simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
  assert.equal((await before.shop.issue({ "relay-token": relay.token })).status, 502);
  place.simulator.faults.clear();
  const rotated = await place.open(`${place.k2},${place.k1}`);
  await rotated.gateway.age(relay, 22 * HOUR); // the purchase goes on at the last moment, and so does the redemption
  assert.equal((await rotated.shop.view(relay.token)).body.purchase.state, "issued");
  await rotated.gateway.age(relay, 90 * DAY - HOUR);
  assert.equal((await rotated.shop.redeem(relay.token)).status, 200);
  assert.deepEqual((await rotated.gateway.age(relay, 7 * DAY - HOUR)).rows, KEPT);
  assert.deepEqual(await rotated.gateway.age(relay, 4 * HOUR), { rows: [], alarm: null }); // 98 days in all
});

test("a record alone that can't be opened is complained about, and stays", async (t) => {
  const place = await deployment(t);
  const first = await place.open(place.k1);
  const relay = await place.newRelay(first.shop);
  place.simulator.faults.set([{ call: "purchase", fault: "drop-before" }]);
  assert.notEqual((await first.shop.issue({ "relay-token": relay.token })).status, 200);
  const second = await place.open(`${place.k2},${place.k1}`);
  place.simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
  assert.equal((await second.shop.issue({ "relay-token": relay.token })).status, 502);
  const { gateway } = await place.open(place.k1);
  await gateway.age(relay, 0);
  const line = await gateway.log(({ event }) => event === "alarm");
  assert.deepEqual([line.code, line.caller], ["stored_record_invalid", "shop"]);
  assert.ok((await gateway.age(relay, 200 * DAY)).rows.includes("records purchase"));
});
