/** The ledger: a pass is billed once and a claim delivered, whoever asks how often, and whatever dies meanwhile. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { caller, complete, managedSecrets, persistent, sendFrom } from "./support.mjs";

let simulator, gateway, shop;
const secrets = managedSecrets();

before(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ upstream: simulator.url, bindings: secrets.bindings });
  shop = caller(gateway, secrets.shop);
});
beforeEach(() => simulator.faults.reset());
after(async () => {
  await gateway?.close();
  await simulator?.close();
});

/** A relay, completed. */
async function newRelay(tenant = shop, body = {}) {
  const { body: relay } = await tenant.create(body);
  await complete(simulator, relay["relay-token"]);
  return relay["relay-token"];
}

const billed = () => simulator.ledger().billed.total;
const spent = () => simulator.summary().spent.total;
const many = (count, work) => Promise.all(Array.from({ length: count }, work));

/** Calls until it is answered with 200, as a caller does that obeys what it is told. */
async function untilDone(work, tries = 12) {
  for (let answer = await work(); ; answer = await work()) {
    if (answer.status === 200) return answer;
    tries -= 1;
    assert.ok(tries > 0 && (answer.status >= 500 || answer.status === 429 || answer.headers.has("retry-after")), answer.text);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

test("20 callers at once: one purchase, one redemption, one answer", async () => {
  const token = await newRelay();
  const before = [billed(), spent()];
  const bought = await many(20, () => shop.issue({ "relay-token": token }));
  assert.deepEqual(bought.map(({ status }) => status), Array(20).fill(200));
  assert.equal(new Set(bought.map(({ text }) => text)).size, 1);
  assert.equal(bought.filter(({ headers }) => headers.get("idempotent-replayed") === null).length, 1);
  const redeemed = await many(20, () => shop.redeem(token));
  assert.equal(new Set(redeemed.map(({ text }) => text)).size, 1);
  assert.equal(redeemed.filter(({ headers }) => headers.get("idempotent-replayed") === null).length, 1);
  const again = await shop.redeem(token, {});
  assert.equal(again.text, redeemed[0].text);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual([billed(), spent()], [before[0] + 1, before[1] + 1]);
});

test("a redemption that comes while the pass is being bought waits for it", async () => {
  const token = await newRelay();
  simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
  const buying = shop.issue({ "relay-token": token });
  await simulator.faults.processed("purchase");
  const redeeming = shop.redeem(token);
  await new Promise((resolve) => setTimeout(resolve, 200));
  simulator.faults.release();
  assert.equal((await buying).status, 200);
  assert.equal((await redeeming).status, 200);
});

for (const [name, kill] of [["goes away", false], ["goes away, with workerd killed", true]]) {
  test(`a caller that ${name} at the moment of the purchase, and of the redemption`, async (t) => {
    const stores = await persistent(t);
    const start = () => startGateway({ upstream: simulator.url, bindings: secrets.bindings, ...stores });
    let own = await start();
    t.after(() => own.close());
    const tenant = () => caller(own, secrets.shop);
    const token = await newRelay(tenant());
    const before = [billed(), spent()];
    for (const [call, target, body, again] of [
      ["purchase", "/relays/privacy-passes", { "relay-token": token }, () => tenant().issue({ "relay-token": token })],
      ["redeem", `/relays/${token}/redeem`, {}, () => tenant().redeem(token)],
    ]) {
      simulator.faults.set([{ call, holdAfter: true, times: 1 }]);
      const client = await sendFrom(own, secrets.shop, target, body);
      await simulator.faults.processed(call);
      await client.reset();
      if (kill) {
        await own.close();
        simulator.faults.clear();
        own = await start();
      } else {
        simulator.faults.clear();
      }
      const answer = await untilDone(again);
      const replay = await again();
      assert.equal(replay.text, answer.text);
      assert.equal(replay.headers.get("idempotent-replayed"), "true");
    }
    assert.deepEqual([billed(), spent()], [before[0] + 1, before[1] + 1]);
    assert.equal(simulator.ledger().relays[token].redeemed, true);
  });
}

for (const fault of ["drop-before", "drop-after", "500-before", "500-after", "truncated", "malformed-json"]) {
  test(`${fault} on both calls, more often than one call tries`, async () => {
    const token = await newRelay();
    const before = [billed(), spent()];
    simulator.faults.set(["purchase", "redeem"].map((call) => ({ call, fault, times: 5 })));
    const bought = await untilDone(() => shop.issue({ "relay-token": token }));
    assert.equal((await shop.issue({ "relay-token": token })).text, bought.text);
    const claim = await untilDone(() => shop.redeem(token));
    assert.equal((await shop.redeem(token)).text, claim.text);
    assert.deepEqual([billed(), spent()], [before[0] + 1, before[1] + 1]);
  });
}

test("403, then ready", async () => {
  const token = await newRelay();
  await shop.issue({ "relay-token": token });
  simulator.faults.set([{ call: "redeem", fault: "403-then-ready", times: 5 }]);
  const early = await shop.redeem(token);
  assert.deepEqual([early.status, early.error.code], [409, "claim_not_ready"]);
  assert.ok(Number(early.headers.get("retry-after")) > 0);
  assert.equal((await untilDone(() => shop.redeem(token))).body["token-consumed"], true);
});

test("a claim that did not pass is answered again as well", async () => {
  const { body: relay } = await shop.create();
  const token = relay["relay-token"];
  await complete(simulator, token, "failed");
  await shop.issue({ "relay-token": token });
  const first = await shop.redeem(token);
  assert.equal(first.body["token-consumed"], false);
  assert.equal((await shop.redeem(token)).text, first.text);
});

test("callers of another relay are not held up", async () => {
  const [slow, other] = [await newRelay(), await newRelay()];
  simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
  const buying = many(5, () => shop.issue({ "relay-token": slow }));
  await simulator.faults.processed("purchase");
  assert.equal((await shop.issue({ "relay-token": other })).status, 200);
  assert.equal((await shop.redeem(other)).status, 200);
  simulator.faults.release();
  assert.deepEqual((await buying).map(({ status }) => status), Array(5).fill(200));
});

test("a wrong pass, then the right one, then none", async () => {
  const token = await newRelay();
  const { body } = await shop.issue({ "relay-token": token });
  const foreign = await shop.redeem(token, { "privacy-pass-token": Buffer.from("{}").toString("base64url") });
  assert.ok(foreign.status >= 400 && foreign.status < 500, foreign.text);
  const claim = await shop.redeem(token, body);
  assert.equal(claim.status, 200);
  assert.equal((await shop.redeem(token)).text, claim.text);
});

test("a wrong secret of a relay that KV does not show is 404 and leaves nothing behind", async (t) => {
  const own = managedSecrets();
  const cold = await startGateway({ upstream: simulator.url, bindings: own.bindings });
  t.after(() => cold.close());
  const tenant = caller(cold, own.shop);
  const { body: relay } = await shop.create();
  const [token, secret] = [relay["relay-token"], relay["relay-secret"]];
  await complete(simulator, token);
  const pass = (await shop.issue({ "relay-token": token })).body;
  for (const wrong of ["guess-1", "guess-2"]) {
    assert.equal((await tenant.issue({ "relay-token": token }, { secret: wrong })).status, 404);
    assert.equal((await tenant.redeem(token, pass, { secret: wrong })).status, 404);
    // Had the first guess left its mark, it would be another caller's now.
    assert.equal((await caller(cold, own.bank).redeem(token, pass, { secret: wrong })).error.code, "relay_not_found");
    assert.equal((await tenant.view(token, { secret: wrong })).status, 404);
  }
  assert.equal((await tenant.redeem(token, pass, { secret })).status, 200);
  assert.equal((await caller(cold, own.bank).redeem(token, pass, { secret })).status, 404);
  assert.equal((await tenant.redeem(token, {}, { secret })).headers.get("idempotent-replayed"), "true");
});

test("with nobody asking, an alarm fetches what was billed and what was spent", { timeout: 60_000 }, async () => {
  const tokens = [await newRelay(), await newRelay()];
  await shop.issue({ "relay-token": tokens[1] });
  simulator.faults.set([
    { call: "purchase", fault: "drop-after" },
    { call: "redeem", fault: "drop-after" },
  ]);
  const [unbought, unread] = await Promise.all([shop.issue({ "relay-token": tokens[0] }), shop.redeem(tokens[1])]);
  simulator.faults.set([]);
  assert.deepEqual([unbought.status, unread.status], [502, 502]);
  const states = async () => {
    const [one, two] = await Promise.all(tokens.map((token) => shop.view(token)));
    return [one.body.purchase.state, two.body.redemption.state];
  };
  assert.deepEqual(await states(), ["sent", "sent"]);
  const before = [billed(), spent()];
  const deadline = Date.now() + 30_000;
  while ((await states()).join() !== "issued,redeemed") {
    assert.ok(Date.now() < deadline, "no alarm came");
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  const from = simulator.requests().length;
  assert.equal((await shop.issue({ "relay-token": tokens[0] })).headers.get("idempotent-replayed"), "true");
  assert.equal((await shop.redeem(tokens[1])).headers.get("idempotent-replayed"), "true");
  assert.equal(simulator.requests().length, from);
  assert.deepEqual([billed(), spent()], before);
});

