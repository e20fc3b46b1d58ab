/** 200 callers of one relay, and one of another. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { workerd } from "./drivers/workerd.mjs";
import { calls, delivered } from "./lib/callers.mjs";
import { openLane } from "./lib/lane.mjs";

const CROWD = 200;

describe(`${CROWD} concurrent callers on one relay, through workerd`, () => {
  /** @type {import("./lib/lane.mjs").Lane} */
  let lane;
  /** @type {import("./lib/callers.mjs").Relay} */
  let relay;
  let pass = "";
  before(async () => {
    lane = await openLane(workerd);
    relay = await readyRelay();
  });
  after(() => lane.close());

  async function readyRelay() {
    const made = await calls.create(lane.host, "age_over18_germany");
    lane.simulator.complete(made.relayToken, { result: "passed" });
    return made;
  }

  /**
   * All of the crowd call while upstream holds the first of their requests; meanwhile another relay gets its pass and its
   * claim.
   * @param {"purchase" | "redeem"} call
   */
  async function crowd(call) {
    const other = await readyRelay();
    const { faults } = lane.simulator;
    faults.set([{ call, "hold-after": true, times: 1 }]);
    let answered = 0;
    const answers = Array.from({ length: CROWD }, () => calls[call](lane.host, relay).finally(() => (answered += 1)));
    await faults.processed(call);

    const bought = delivered(await calls.purchase(lane.host, other));
    assert.ok(bought !== undefined, "the other relay has its pass");
    assert.match(delivered(await calls.redeem(lane.host, other)) ?? "", /"passed"/);
    assert.equal(answered, 0, "the crowd is still held");
    assert.equal(faults.view().held.length, 1);

    faults.release();
    const got = await Promise.all(answers);
    assert.deepEqual([...new Set(got.map(({ status }) => status))], [200]);
    const values = new Set(got.map(delivered));
    assert.equal(values.size, 1, "the same answer for all");
    assert.ok(!values.has(bought));
    const arrived = lane.simulator.requests().filter((request) => request.call === call).length;
    faults.clear();
    return { value: [...values][0] ?? "", arrived };
  }

  test("one purchase, and the same pass for all", async () => {
    const { value, arrived } = await crowd("purchase");
    pass = value;
    assert.equal(arrived, 2, "one request of the crowd, one of the other relay");
    assert.equal(lane.simulator.ledger().billed.total, 2);
  });

  test("one redemption, and the same claim for all", async () => {
    assert.equal(delivered(await calls.purchase(lane.host, relay)), pass);
    const { value, arrived } = await crowd("redeem");
    assert.match(value, /"passed"/);
    assert.equal(arrived, 3, "with the other relay's of before");
    const { redemptions, spent } = lane.simulator.ledger();
    assert.equal(redemptions[relay.relayToken]?.spent, 1);
    assert.equal(spent.total, 3);
  });
});
