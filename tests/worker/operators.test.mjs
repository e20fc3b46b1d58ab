/** What operators see of a relay, and the leave that only they can give. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, PLAIN, caller, complete, managedSecrets, plainHeaders, send } from "./support.mjs";

let simulator, gateway, shop, bank;
const secrets = managedSecrets();

before(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ upstream: simulator.url, bindings: secrets.bindings });
  shop = caller(gateway, secrets.shop);
  bank = caller(gateway, secrets.bank);
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

const billed = () => simulator.ledger().billed.total;
const NONE = { state: "none", attempt: 0, "in-doubt": false, unsettled: false };

test("a relay from creation to claim, as its owner sees it", async () => {
  const { token, secret } = await newRelay();
  const fresh = await shop.view(token);
  assert.equal(fresh.status, 200);
  assert.deepEqual(plainHeaders(fresh), PLAIN);
  const { "created-at": createdAt, ...rest } = fresh.body;
  assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 10_000);
  assert.deepEqual(rest, { "relay-token": token, "claim-type": CLAIM_TYPE, sandbox: false, purchase: NONE, redemption: NONE });
  const { body: pass } = await shop.issue({ "relay-token": token });
  const { body: claim } = await shop.redeem(token);
  const done = await shop.view(token);
  assert.equal(done.body.purchase.state, "issued");
  assert.equal(done.body.redemption.state, "redeemed");
  assert.ok(Math.abs(Date.parse(done.body.redemption.since) - Date.now()) < 10_000);
  assert.deepEqual([done.body.purchase["in-doubt"], done.body.redemption.unsettled], [false, false]);
  for (const hidden of [secret, pass["privacy-pass-token"].slice(0, 40), claim["claim-payload"]]) assert.ok(!done.text.includes(hidden));
});

test("nobody else sees it, and looking leaves nothing behind", async () => {
  const { token, secret } = await newRelay();
  const unknown = await bank.view("relay_nobodys", { secret: "s" });
  for (const answer of [await bank.view(token), await bank.view(token, { secret }), await shop.view(token, { secret: "wrong" }), unknown]) {
    assert.equal(answer.status, 404);
    assert.equal(answer.text, unknown.text);
  }
  assert.equal((await shop.view("relay_nobodys")).error.code, "relay_not_found_yet");
  assert.equal((await send(`${gateway.url}/relays/${token}`, { method: "GET" })).status, 401);
  assert.equal((await shop.view("a%2Fb")).status, 400);
  assert.equal((await bank.allowAgain(token)).status, 404);
});

test("a purchase that may have been billed is in doubt, then unknown; it is bought again with an operator's leave only, once", async () => {
  const { token } = await newRelay();
  const before = billed();
  simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
  assert.equal((await shop.issue({ "relay-token": token })).status, 502);
  simulator.faults.set([{ call: "purchase", fault: "500-before", status: 409 }]);
  const doubt = (await shop.view(token)).body.purchase;
  assert.deepEqual([doubt.state, doubt["in-doubt"], doubt.unsettled], ["sent", true, true]);
  assert.deepEqual((await shop.allowAgain(token)).error.code, "purchase_not_in_doubt");
  for (let calls = 0; calls < 2; calls += 1) {
    const answer = await shop.issue({ "relay-token": token });
    assert.deepEqual([answer.status, answer.error.code], [502, "purchase_unknown"]);
  }
  const line = await gateway.log(({ code }) => code === "purchase_unknown");
  assert.deepEqual([line.level, line.status], ["error", 502]);
  assert.equal((await shop.view(token)).body.purchase.state, "unknown");
  assert.equal(billed(), before + 1);
  // Held until both have come: the second joins the first.
  simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
  const asked = [shop.allowAgain(token), shop.allowAgain(token)];
  await simulator.faults.processed("purchase");
  await new Promise((resolve) => setTimeout(resolve, 300));
  simulator.faults.clear();
  const [one, two] = await Promise.all(asked);
  assert.equal(one.status, 200);
  assert.equal(two.text, one.text);
  assert.equal((await shop.allowAgain(token)).status, 409);
  assert.equal((await shop.issue({ "relay-token": token })).text, one.text);
  assert.deepEqual([billed(), (await shop.view(token)).body.purchase.attempt], [before + 2, 1]);
  assert.equal((await shop.redeem(token)).status, 200);
});

test("a pass that is billed and unusable is not bought again by itself", async () => {
  const { token } = await newRelay();
  const before = billed();
  simulator.faults.set([{ call: "purchase", fault: "wrong-signature", times: 1 }]);
  for (let calls = 0; calls < 3; calls += 1) assert.equal((await shop.issue({ "relay-token": token })).error.code, "blind_signature_invalid");
  assert.equal((await shop.view(token)).body.purchase.state, "unusable");
  assert.equal(billed(), before + 1);
  assert.equal((await shop.allowAgain(token, { body: {} })).status, 200);
  assert.equal((await shop.redeem(token)).status, 200);
});

test("a claim that is lost is 410, and a line of its own", { timeout: 60_000 }, async () => {
  const { token } = await newRelay();
  await shop.issue({ "relay-token": token });
  simulator.faults.set([{ call: "redeem", fault: "drop-after" }]);
  assert.equal((await shop.redeem(token)).status, 502);
  simulator.faults.set([{ call: "redeem", fault: "500-before", status: 409 }]);
  for (let calls = 0; calls < 2; calls += 1) {
    const answer = await shop.redeem(token);
    assert.deepEqual([answer.status, answer.error.code], [410, "claim_lost"]);
  }
  const line = await gateway.log(({ code }) => code === "claim_lost");
  assert.deepEqual([line.level, line.status], ["error", 410]);
  assert.equal((await shop.view(token)).body.redemption.state, "lost");
});
