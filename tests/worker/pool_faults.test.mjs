/** Passes bought ahead, when something dies or fails: nothing is billed twice, no pass is lost, and two never get the same. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { DAY, HOUR, MINUTE, assertBilledOnce, clock, many, openPool, passOf } from "./pool_support.mjs";
import { CLAIM_TYPE, persistent, sendFrom } from "./support.mjs";

let simulator;
before(async () => (simulator = await startSimulator({ now: clock.now, recordedRequests: 5000 })));
beforeEach(() => simulator.faults.reset());
afterEach(() => assertBilledOnce(simulator));
after(() => simulator?.close());

const keyed = (key = crypto.randomUUID()) => ({ headers: { "idempotency-key": key } });
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Binds, and does not answer. The next release of the object does. */
const HANGS_AFTER_BINDING = "async take(...asked) { await super.take(...asked); await new Promise(() => {}); }";

/** As many calls as are told are done, and their answers lost. */
const loses = (calls) => `async take(...asked) { const answer = await super.take(...asked); if ((globalThis.lost = (globalThis.lost ?? 0) + 1) <= ${calls}) throw new Error("the connection broke"); return answer; }`;

/** Kills the gateway when a purchase of a relay has had a pass bound to it, before its ledger knows. */
async function killedAfterBinding({ gateway, relay, secrets, shelf, restart }, more = {}) {
  const token = await relay();
  const client = await sendFrom(gateway(), secrets.shop, "/relays/privacy-passes", { "relay-token": token });
  while ((await shelf()).bound === 0) await pause(20);
  await client.reset();
  await restart({ pool: undefined, ...more });
  return token;
}

test("killed between the binding and the ledger's own record: who asks again gets that pass", async (t) => {
  const opened = await openPool(t, simulator, { pool: HANGS_AFTER_BINDING, settings: { PURCHASES_PER_DAY: "1" }, ...(await persistent(t)) });
  const { cron, shop, billed, shelf, relay, asked } = opened;
  await cron();
  const token = await killedAfterBinding(opened);
  const other = await shop().issue({ "relay-token": await relay() });
  assert.deepEqual([other.status, other.error?.code], [429, "purchase_limit_reached"], "it counts");
  const { result, calls } = await asked(() => many(5, () => shop().issue({ "relay-token": token })));
  assert.deepEqual([new Set(result.map(passOf)).size, calls], [1, []]);
  const { ready, bound } = await shelf();
  assert.deepEqual([billed(), ready, bound], [3, 2, 0]);
});

test("the same, with the claim type taken out of the pool meanwhile", async (t) => {
  const opened = await openPool(t, simulator, { pool: HANGS_AFTER_BINDING, ...(await persistent(t)) });
  await opened.cron();
  const token = await killedAfterBinding(opened, { sizes: null });
  const { result, calls } = await opened.asked(() => opened.shop().issue({ "relay-token": token }));
  passOf(result);
  assert.deepEqual([calls, opened.billed()], [[], 3]);
});

test("the same, and nobody asks again: an alarm gets the pass", { timeout: 60_000 }, async (t) => {
  const opened = await openPool(t, simulator, { pool: HANGS_AFTER_BINDING, ...(await persistent(t)) });
  const { cron, shop, billed, shelf } = opened;
  await cron();
  const token = await killedAfterBinding(opened);
  for (const deadline = Date.now() + 30_000; (await shelf()).bound > 0; await pause(300)) assert.ok(Date.now() < deadline, "no alarm came");
  assert.equal((await shop().view(token)).body.purchase.state, "issued");
  passOf(await shop().issue({ "relay-token": token }));
  assert.deepEqual([billed(), (await shelf()).ready], [3, 2]);
});

for (const [calls, first] of [[1, 200], [2, 503]]) {
  test(`the pool binds, and its answer is lost ${calls} time${calls > 1 ? "s" : ""}: no second pass, neither of the pool nor bought`, async (t) => {
    const { cron, shop, billed, shelf, relay, asked } = await openPool(t, simulator, { pool: loses(calls), settings: { PURCHASES_PER_DAY: "1" } });
    await cron();
    const token = await relay();
    const other = await relay();
    const { result, calls: upstream } = await asked(async () => {
      const answers = [];
      for (const of of [token, other, token]) answers.push((await shop().issue({ "relay-token": of })).status);
      return answers;
    });
    assert.deepEqual([result, upstream], [[first, 429, 200], []], "its place of the day is kept meanwhile");
    const { ready, bound } = await shelf();
    assert.deepEqual([billed(), ready, bound], [3, 2, 0]);
  });
}

test("the pool says that there is none, and its answer is lost: filled meanwhile, the relay still buys one pass, and takes none", async (t) => {
  const { cron, shop, billed, shelf, relay } = await openPool(t, simulator, { pool: loses(2) });
  const token = await relay();
  const lost = await shop().issue({ "relay-token": token });
  assert.deepEqual([lost.status, lost.error.code], [503, "store_unavailable"]);
  assert.ok(Number(lost.headers.get("retry-after")) > 0);
  await cron();
  passOf(await shop().issue({ "relay-token": token }));
  const { ready, bound } = await shelf();
  assert.deepEqual([billed(), ready, bound], [4, 3, 0]);
});

test("a pool that does not answer: nothing is bought beside it, and the place of the day is kept, until it does", async (t) => {
  const { shop, billed, relay, restart, cron } = await openPool(t, simulator, { pool: 'take() { throw new Error("down"); }', settings: { PURCHASES_PER_DAY: "2" }, ...(await persistent(t)) });
  const token = await relay();
  for (let times = 0; times < 3; times += 1) assert.equal((await shop().issue({ "relay-token": token })).status, 503);
  assert.equal((await shop().issue({ "claim-type": CLAIM_TYPE })).status, 503);
  assert.equal(billed(), 0);
  await restart({ pool: undefined });
  await cron();
  passOf(await shop().issue({ "relay-token": token }));
  passOf(await shop().issue({ "claim-type": CLAIM_TYPE }));
  assert.equal((await shop().issue({ "claim-type": CLAIM_TYPE })).status, 429);
  assert.equal(billed(), 3);
});

test("a relay that began to buy directly takes none of the pool, however that went on", async (t) => {
  const { cron, shop, billed, shelf, relay, restart } = await openPool(t, simulator, { sizes: null, ...(await persistent(t)) });
  const [doubtful, refused, bought] = [await relay(), await relay(), await relay()];
  simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
  assert.equal((await shop().issue({ "relay-token": doubtful })).status, 502);
  simulator.faults.set([{ call: "purchase", fault: "500-before", status: 422 }]);
  assert.equal((await shop().issue({ "relay-token": refused })).status, 422);
  simulator.faults.set([]);
  const pass = passOf(await shop().issue({ "relay-token": bought }));
  await restart({ sizes: { [CLAIM_TYPE]: 3 } });
  await cron();
  assert.equal(billed(), 5);
  const passes = await Promise.all([doubtful, refused, bought].map(async (token) => passOf(await shop().issue({ "relay-token": token }))));
  assert.deepEqual([new Set(passes).size, passes[2], billed(), (await shelf()).ready], [3, pass, 6, 3]);
});

test("killed in the middle of a top-up, when a purchase was just billed: the next goes on with it", async (t) => {
  const { cron, kill, restart, billed, shelf } = await openPool(t, simulator, await persistent(t));
  simulator.faults.set([{ call: "purchase", holdAfter: true, after: 1, times: 1 }]);
  const running = cron().catch(() => undefined);
  await simulator.faults.processed("purchase");
  const { ready, buying } = await shelf();
  assert.deepEqual([billed(), ready, buying], [2, 1, 1]);
  await kill();
  await running;
  simulator.faults.clear();
  await restart();
  await cron();
  const after = await shelf();
  assert.deepEqual([billed(), after.ready, after.buying], [3, 3, 0]);
});

for (const [fault, times] of [["drop-before", 9], ["drop-after", 9], ["500-before", 9], ["500-after", 9], ["429", 4], ["truncated", 4], ["malformed-json", 4]]) {
  test(`${fault} at a top-up: it stops, the next goes on with the same purchase, and callers are served`, { timeout: 60_000 }, async (t) => {
    const { cron, shop, billed, shelf, asked } = await openPool(t, simulator, { ledger: "aging" });
    simulator.faults.set([{ call: "purchase", fault, times }]);
    const { calls } = await asked(cron);
    assert.equal(calls.filter((call) => call === "challenge").length, 2, "one purchase, and the look at the issuer's key");
    const { ready, buying, "last-top-up": last } = await shelf();
    assert.deepEqual([ready, buying, last.bought], [0, 1, 0]);
    assert.match(last.code, /^(transport_failed|upstream_answer_invalid|rate_limited|injected)$/, "the simulator has codes of its own");
    simulator.faults.set([]);
    const direct = passOf(await shop().issue({ "claim-type": CLAIM_TYPE }));
    await cron();
    const after = await shelf();
    assert.deepEqual([after.ready, after.buying, after["last-top-up"].code, billed()], [3, 0, null, 4]);
    const taken = await many(3, async () => passOf(await shop().issue({ "claim-type": CLAIM_TYPE }, keyed())));
    assert.equal(new Set([direct, ...taken]).size, 4);
    assert.equal(billed(), 4);
  });
}

test("a purchase that hangs: another top-up joins the one under way, takes don't wait for it, and it is billed once", { timeout: 60_000 }, async (t) => {
  const { cron, shop, billed, shelf, asked } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 2 } });
  simulator.faults.set([{ call: "purchase", holdAfter: true, after: 1, times: 1 }]);
  const running = many(3, cron);
  await simulator.faults.processed("purchase");
  const { calls } = await asked(async () => passOf(await shop().issue({ "claim-type": CLAIM_TYPE }, keyed())));
  assert.deepEqual(calls, [], "the first pass is ready");
  passOf(await shop().issue({ "claim-type": CLAIM_TYPE }, keyed()));
  assert.deepEqual([billed(), (await shelf()).buying], [3, 1]);
  await running; // the SDK gives up waiting after 10 s, and asks again for the same
  assert.deepEqual([billed(), (await shelf()).ready], [4, 2]);
});

test("an outage for a day: one purchase in doubt and no other, gone on with as long as Persona remembers it, then given up; the day after, the rest is bought", { timeout: 120_000 }, async (t) => {
  const { cron, billed, shelf, pass, gateway, asked } = await openPool(t, simulator, { ledger: "aging" });
  simulator.faults.set([{ call: "purchase", fault: "500-after" }]);
  await cron();
  await pass(2 * MINUTE);
  await cron();
  assert.equal((await shelf())["in-doubt"], 1);
  assert.equal((await gateway().log(({ event, code }) => event === "pool" && code === "purchase_unknown")).level, "error");
  await pass(23 * HOUR);
  const { calls } = await asked(cron);
  assert.deepEqual(calls, [], "its key may be forgotten, and another purchase would be billed as well");
  assert.equal(billed(), 1);
  simulator.faults.set([]);
  await pass(HOUR);
  await cron();
  const { ready, buying, "in-doubt": inDoubt } = await shelf();
  assert.deepEqual([billed(), ready, buying, inDoubt], [3, 2, 0, 1]);
  const told = gateway().logs().filter(({ event, code }) => event === "pool" && code === "purchase_unknown");
  assert.equal(told.length, 1);
});

test("an outage that ends within a day heals by itself", { timeout: 60_000 }, async (t) => {
  const { cron, billed, shelf, pass } = await openPool(t, simulator, { ledger: "aging" });
  simulator.faults.set([{ call: "purchase", fault: "500-after" }]);
  await cron();
  await pass(2 * MINUTE);
  await cron();
  simulator.faults.set([]);
  await pass(HOUR);
  await cron();
  const { ready, "in-doubt": inDoubt } = await shelf();
  assert.deepEqual([billed(), ready, inDoubt], [3, 3, 0]);
});

test("a blind signature that does not verify was billed: one a day, not one an hour", async (t) => {
  const { cron, billed, shelf, pass, gateway } = await openPool(t, simulator, { ledger: "aging", sizes: { [CLAIM_TYPE]: 5 } });
  simulator.faults.set([{ call: "purchase", fault: "wrong-signature" }]);
  for (let hour = 0; hour < 5; hour += 1) {
    await cron();
    await pass(HOUR);
  }
  assert.deepEqual([billed(), (await shelf())["in-doubt"]], [1, 1]);
  assert.equal((await gateway().log(({ event, code }) => event === "pool" && code === "blind_signature_invalid")).level, "error");
  await pass(DAY);
  simulator.faults.set([]);
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [5, 4]);
});

test("what is refused for good is tried once a top-up, told, and bought when it is not refused any more", async (t) => {
  const { cron, billed, shelf, asked, gateway } = await openPool(t, simulator);
  simulator.faults.set([{ call: "purchase", fault: "500-before", status: 422 }]);
  for (let times = 0; times < 2; times += 1) {
    const { calls } = await asked(cron);
    assert.equal(calls.filter((call) => call === "purchase").length, 1);
  }
  const refused = await shelf();
  assert.deepEqual([refused.ready, refused.buying, refused["last-top-up"].bought, billed()], [0, 1, 0, 0]);
  assert.equal((await gateway().log(({ event, code }) => event === "pool" && code === refused["last-top-up"].code)).level, "error");
  simulator.faults.set([]);
  await cron();
  const after = await shelf();
  assert.deepEqual([after.ready, after.buying, billed()], [3, 0, 3]);
});

test("an API key that is refused, and one that is mended", async (t) => {
  const { cron, billed, shelf, restart, gateway } = await openPool(t, simulator, { settings: { PERSONA_API_KEY: "persona_production_wrong" }, ...(await persistent(t)) });
  await cron();
  assert.deepEqual([(await shelf()).buying, (await shelf())["last-top-up"].code], [1, "upstream_unauthorized"]);
  assert.match((await gateway().log(({ event, code }) => event === "pool" && code === "upstream_unauthorized")).mend[0], /^PERSONA_API_KEY /);
  await restart({ settings: {} });
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [3, 3]);
});

test("a key that a purchase alone is offered is not bought under for the pool either", async (t) => {
  const { cron, billed, shelf, gateway } = await openPool(t, simulator);
  simulator.faults.set([{ call: "challenge", fault: "own-key", times: 1 }]);
  await cron();
  assert.deepEqual([billed(), (await shelf()).buying, (await shelf())["last-top-up"].code], [0, 0, "issuer_key_suspicious"]);
  assert.match((await gateway().log(({ event, code }) => event === "pool" && code === "issuer_key_suspicious")).mend[0], /ISSUER_KEY_PINS=/);
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [3, 3]);
});
