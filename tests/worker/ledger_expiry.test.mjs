/** Alarms: until when the ledger keeps what, what it never throws away, and that it may be woken up at any time. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { caller, complete, managedSecrets } from "./support.mjs";

let simulator, gateway, shop;
let ahead = 0;
const secrets = managedSecrets();
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

before(async () => {
  simulator = await startSimulator({ now: () => Date.now() + ahead });
  gateway = await startGateway({ upstream: simulator.url, bindings: secrets.bindings, ledger: "aging" });
  shop = caller(gateway, secrets.shop);
});
beforeEach(() => simulator.faults.reset());
after(async () => {
  await gateway?.close();
  await simulator?.close();
});

async function newRelay() {
  const { body: relay } = await shop.create();
  await complete(simulator, relay["relay-token"]);
  return { token: relay["relay-token"], secret: relay["relay-secret"] };
}

/** Lets time pass, here and there, and sets off the alarm. */
function age(relay, ms) {
  ahead += ms;
  return gateway.age(relay, ms);
}

const about = (actual, expected) => assert.ok(Math.abs(actual - expected) < Math.max(6000, expected / 100), `${actual} is not about ${expected}`);
const EVERYTHING = ["flags called", "records purchase", "records redemption", "subject relay"];

test("a claim is kept for 7 days, then everything of the relay goes, in KV as well", async () => {
  const relay = await newRelay();
  await shop.issue({ "relay-token": relay.token });
  const claim = await shop.redeem(relay.token);
  const kv = await gateway.kv();
  const kept = (await kv.list()).keys.length;
  const week = await age(relay, 7 * DAY - HOUR);
  assert.deepEqual(week.rows, EVERYTHING);
  about(week.alarm, HOUR);
  assert.equal((await shop.redeem(relay.token)).text, claim.text);
  assert.deepEqual(await age(relay, HOUR + MINUTE), { rows: [], alarm: null });
  assert.equal((await kv.list()).keys.length, kept - 1);
  assert.equal((await shop.redeem(relay.token)).error.code, "relay_not_found_yet");
  assert.deepEqual((await age(relay, 0)).rows, []);
});

test("a pass that is not redeemed is kept for 90 days", async () => {
  const relay = await newRelay();
  const pass = await shop.issue({ "relay-token": relay.token });
  const { alarm } = await age(relay, 89 * DAY);
  about(alarm, DAY);
  const billed = simulator.ledger().billed.total;
  assert.equal((await shop.issue({ "relay-token": relay.token })).text, pass.text);
  assert.equal(simulator.ledger().billed.total, billed);
  assert.deepEqual(await age(relay, DAY + MINUTE), { rows: [], alarm: null });
});

test("what came to nothing is kept for 7 days", async () => {
  const relay = await newRelay();
  simulator.faults.set([{ call: "challenge", fault: "500-before", status: 400 }]);
  assert.equal((await shop.issue({ "relay-token": relay.token })).status, 400);
  about((await age(relay, 6 * DAY)).alarm, DAY);
  assert.deepEqual(await age(relay, DAY + MINUTE), { rows: [], alarm: null });
});

test("an alarm asks again after 10 s, 1 min, 10 min, 1 h, 6 h and 20 h, under one key; then the state stays, and is complained about", { timeout: 120_000 }, async () => {
  const relay = await newRelay();
  const from = simulator.requests().length;
  simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
  assert.equal((await shop.issue({ "relay-token": relay.token })).status, 502);
  const tries = () => simulator.requests().slice(from).filter(({ call }) => call === "purchase");
  let passed = 0;
  for (const [at, next] of [[10_000, MINUTE], [MINUTE, 10 * MINUTE], [10 * MINUTE, HOUR], [HOUR, 6 * HOUR], [6 * HOUR, 20 * HOUR]]) {
    const before = tries().length;
    const { alarm } = await age(relay, at + 1000 - passed);
    passed = at + 1000;
    about(alarm, next - passed);
    assert.ok(tries().length > before);
  }
  assert.ok(!gateway.logs().some(({ event }) => event === "alarm"));
  for (const ms of [20 * HOUR + 1000 - passed, 100 * DAY, 1000 * DAY]) {
    const { rows, alarm } = await age(relay, ms);
    assert.ok(rows.includes("records purchase"));
    about(alarm, 30 * DAY);
  }
  const lines = (wanted) => gateway.logs().filter(({ event, code, level }) => event === "alarm" && code === wanted && level === "error").length;
  assert.deepEqual([lines("still_in_doubt"), lines("purchase_unknown")], [3, 2]);
  // The same bytes and key all the time, and never once the upstream may have forgotten the key.
  assert.equal(new Set(tries().map(({ body }) => body)).size, 1);
  simulator.faults.clear();
  assert.equal((await shop.issue({ "relay-token": relay.token }, relay)).error.code, "purchase_unknown");
  assert.equal((await shop.allowAgain(relay.token, relay)).status, 200);
  about((await age(relay, 0)).alarm, 90 * DAY);
});

test("an alarm in the middle of a purchase joins it", async () => {
  const relay = await newRelay();
  const billed = simulator.ledger().billed.total;
  simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
  const buying = shop.issue({ "relay-token": relay.token });
  await simulator.faults.processed("purchase");
  const waking = [age(relay, 100 * DAY), age(relay, 0)];
  await new Promise((resolve) => setTimeout(resolve, 200));
  simulator.faults.release();
  assert.equal((await buying).status, 200);
  for (const { rows } of await Promise.all(waking)) assert.ok(rows.includes("records purchase"));
  assert.equal(simulator.ledger().billed.total, billed + 1);
});

test("an object that is reset under its callers, as a deployment does it, goes on", async () => {
  const relay = await newRelay();
  const before = simulator.summary();
  for (const [call, work] of [["purchase", () => shop.issue({ "relay-token": relay.token })], ["redeem", () => shop.redeem(relay.token)]]) {
    simulator.faults.set([{ call, holdAfter: true, times: 1 }]);
    const callers = Array.from({ length: 5 }, work);
    await simulator.faults.processed(call);
    await gateway.reset(relay);
    simulator.faults.clear();
    const answers = await Promise.all(callers);
    assert.deepEqual(answers.map(({ status }) => status), Array(5).fill(200));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  }
  const { billed, spent } = simulator.summary();
  assert.deepEqual([billed.total, spent.total], [before.billed.total + 1, before.spent.total + 1]);
});
