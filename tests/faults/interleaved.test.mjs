/** What only durable records make possible: several drivers of one, in the order that would do most harm; and losing one. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { API_KEY, sleep } from "./lib/callers.mjs";

const library = process.env.RELAY_EDGE_PACKAGE ?? new URL("../../pkg/", import.meta.url).href;
const { Persona } = await import(new URL("./node.js", library).href);
const { MemoryStore } = await import(new URL("./stores.js", library).href);
const claimType = "age_over18_germany";

describe("drivers that overtake each other", () => {
  /** @type {import("../../simulator/index.mjs").Simulator} */
  let simulator;
  /** @type {any} */
  let persona;
  before(async () => {
    simulator = await startSimulator();
    persona = new Persona({ baseUrl: simulator.url, apiKey: API_KEY, maxRetries: 0 });
  });
  beforeEach(() => simulator.reset());
  after(() => simulator.close());

  /** @param {Promise<unknown>} promise */
  const outcome = (promise) => promise.then((value) => ({ value }), (error) => ({ error }));
  const held = async (/** @type {string} */ call) => (await simulator.faults.processed(call)).requestId;

  test("a refusal of the attempt before does not reject the attempt that is being billed", async () => {
    const durable = { record: new MemoryStore().record("one"), idempotencySecret: "what it is for" };
    const buy = () => outcome(persona.relays.issuePrivacyPass({ claimType }, durable));
    simulator.faults.set([{ call: "challenge", fault: "key-rotated", times: 1 }, { call: "purchase", "hold-after": true, times: 3 }]);

    const first = buy();
    const refusedFirst = await held("purchase");
    const second = buy(); // the same bytes
    const refusedSecond = await held("purchase");
    simulator.faults.release({ requestId: refusedFirst });
    assert.equal((await first).error?.statusCode, 422);

    const third = buy(); // a new attempt
    await held("purchase");
    assert.equal(simulator.ledger().billed.total, 1);
    simulator.faults.release({ requestId: refusedSecond });
    await Promise.race([second, sleep(300)]);
    simulator.faults.release();
    const [{ value: bought, error }, late] = await Promise.all([third, second]);
    assert.ok(bought, `the pass was billed, and is answered: ${error}`);
    if (late.value !== undefined) assert.equal(late.value.privacyPassToken, bought.privacyPassToken);

    const again = await buy();
    assert.equal(again.value?.privacyPassToken, bought.privacyPassToken);
    assert.equal(simulator.ledger().billed.total, 1);
  });

  test("the loser of the race to prepare goes on with what was prepared", async () => {
    const store = new MemoryStore();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => outcome(persona.relays.issuePrivacyPass({ claimType }, { record: store.record("one"), idempotencySecret: "what it is for" }))),
    );
    assert.deepEqual(answers.flatMap(({ error }) => (error ? [`${error.code} ${error.details}`] : [])), []);
    assert.equal(new Set(answers.map(({ value }) => value?.privacyPassToken)).size, 1);
    assert.equal(simulator.ledger().billed.total, 1);
  });

  test("a late 409 to an attempt that is history is not the answer", async () => {
    const { relayToken, relaySecret } = await persona.relays.create({ claimType });
    const { privacyPassToken } = await persona.relays.issuePrivacyPass({ claimType });
    const record = new MemoryStore().record("one");
    const redeem = () => outcome(persona.relays.generateClaim({ relayToken, relaySecret, privacyPassToken }, { record }));

    assert.equal((await redeem()).error?.statusCode, 403); // so that the next call makes a second attempt
    simulator.complete(relayToken, { result: "passed" });
    simulator.faults.set([{ call: "redeem", fault: "drop-after", times: 1 }, { call: "redeem", fault: "403-then-ready", times: 1 }]);
    assert.ok((await redeem()).error, "spent, and nobody heard of it");
    assert.equal((await redeem()).error?.statusCode, 403); // so that the next call makes a third
    simulator.faults.set([{ call: "redeem", "hold-after": true, times: 1 }, { call: "redeem", "hold-after": true, after: 3, times: 1 }]);
    const first = redeem();
    const doubleSpend = await held("redeem"); // told of a double spend, but not yet
    const second = redeem(); // told at once, twice; then asks under the second attempt's key, and is answered
    await held("redeem");
    simulator.faults.release({ requestId: doubleSpend });
    await Promise.race([first, sleep(300)]);
    simulator.faults.release();
    const answers = await Promise.all([first, second]);
    assert.deepEqual(answers.flatMap(({ error }) => (error ? [`${error.code} ${error.details}`] : [])), []);
    assert.equal(new Set(answers.map(({ value }) => value?.claimPayload)).size, 1);
  });

  test("a record that was lost is not bought again while upstream remembers the key, as js/index.d.ts says", async () => {
    const buy = (/** @type {any} */ record) => outcome(persona.relays.issuePrivacyPass({ claimType }, { record, idempotencySecret: "what it is for" }));
    assert.ok((await buy(new MemoryStore().record("one"))).value);
    const empty = new MemoryStore().record("one");
    for (let call = 0; call < 3; call++) await buy(empty);
    assert.equal(simulator.ledger().billed.total, 1);
  });
});
