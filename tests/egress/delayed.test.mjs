import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { caller, complete, managedSecrets } from "../worker/support.mjs";
import { delayedCases } from "./delayed_cases.mjs";

delayedCases(startGateway);

describe("with a clock that can be set", { concurrency: 1 }, () => {
  const secrets = managedSecrets();
  const MINUTE = 60_000;
  let ahead = 0;
  let simulator, gateway, shop;
  before(async () => {
    simulator = await startSimulator({ now: () => Date.now() + ahead });
    gateway = await startGateway({ upstream: simulator.url, bindings: { ...secrets.bindings, REDEEM_DELAY_S: "1800-3600" }, ledger: "aging" });
    shop = caller(gateway, secrets.shop);
  });
  after(async () => {
    await gateway?.close();
    await simulator?.close();
  });

  const age = (relay, ms) => {
    ahead += ms;
    return gateway.age(relay, ms);
  };
  const sent = (token) => simulator.requests().filter(({ call, target }) => call === "redeem" && target.includes(token));

  async function wanted() {
    const { body } = await shop.create();
    const relay = { token: body["relay-token"], secret: body["relay-secret"] };
    await complete(simulator, relay.token);
    await shop.issue({ "relay-token": relay.token });
    assert.equal((await shop.redeem(relay.token)).status, 409);
    return relay;
  }

  test("an alarm that comes early sends nothing, and the next is set to the time", async () => {
    const relay = await wanted();
    const early = await age(relay, 29 * MINUTE);
    assert.equal(sent(relay.token).length, 0);
    assert.ok(early.alarm > 0 && early.alarm < 31 * MINUTE, `${early.alarm}`);
    assert.deepEqual(early.rows, ["flags called", "records later", "records purchase", "subject relay"]);
    await age(relay, 32 * MINUTE);
    assert.equal(sent(relay.token).length, 1);
    assert.equal((await shop.redeem(relay.token)).headers.get("idempotent-replayed"), "true");
  });

  test("what was left in doubt is asked about with nobody there, at a random time as well, and spent once", async () => {
    const relay = await wanted();
    const before = simulator.summary().spent.total;
    simulator.faults.set([{ call: "redeem", fault: "drop-after", times: 4 }]);
    const failed = await age(relay, 61 * MINUTE);
    const tries = sent(relay.token).length;
    assert.ok(tries > 0 && simulator.summary().spent.total === before + 1);
    assert.ok(failed.alarm > 0 && failed.alarm <= 10_000, `${failed.alarm}`);
    const noted = await age(relay, 11_000);
    assert.equal(sent(relay.token).length, tries, "it was sent at a time that follows from the first");
    assert.ok(noted.alarm > 0 && noted.alarm <= MINUTE, `${noted.alarm}`);
    await age(relay, 61 * MINUTE);
    assert.equal(sent(relay.token).length, tries + 1);
    const claim = await shop.redeem(relay.token);
    assert.deepEqual([claim.status, claim.headers.get("idempotent-replayed")], [200, "true"]);
    assert.equal(simulator.summary().spent.total, before + 1);
  });

  test("a claim that is over is deleted in its time, with the wish", async () => {
    const relay = await wanted();
    await age(relay, 61 * MINUTE);
    assert.deepEqual(await age(relay, 8 * 24 * 60 * MINUTE), { rows: [], alarm: null });
  });
});
