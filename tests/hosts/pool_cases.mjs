/** Passes bought ahead, outside Cloudflare: in the database, by a timer. What is the same everywhere: tests/worker/pool.test.mjs. */
import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startHost } from "../support/hosts.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets, send } from "../worker/support.mjs";
import { database } from "./host_cases.mjs";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Registers the tests of one host. @param {import("../support/hosts.mjs").Host} host */
export function poolCases(host) {
  const secrets = managedSecrets();
  let simulator;
  before(async () => (simulator = await startSimulator()));
  beforeEach(() => simulator.faults.reset());
  afterEach(() => assert.deepEqual(simulator.summary().doubleBilled, []));
  after(() => simulator?.close());

  /** A folder with a database, and gateways over it, one after the other. */
  function place(t, size) {
    const folder = mkdtempSync(path.join(os.tmpdir(), "relay-edge-pool-"));
    const file = path.join(folder, "relay-edge.db");
    let gateway;
    t.after(async () => {
      await gateway?.close();
      rmSync(folder, { recursive: true, force: true });
    });
    const from = simulator.ledger().billed.total;
    const bindings = { ...secrets.bindings, PASS_POOL: JSON.stringify({ [CLAIM_TYPE]: size }) };
    const shelf = async () => (await send(`${gateway.url}/pool`, { method: "GET", bearer: secrets.shop })).body.pool[0];
    return {
      folder,
      file,
      shop: () => caller(gateway, secrets.shop),
      shelf,
      billed: () => simulator.ledger().billed.total - from,
      start: async () => (gateway = await startHost(host, { upstream: simulator.url, bindings, durableObjectsPersist: folder })),
      kill: () => gateway.close(),
      stop: async () => assert.equal(await gateway.stop(), 0),
      /** Waits for a top-up, of which it is known when it began. */
      async toppedUp(since) {
        for (const deadline = Date.now() + 20_000; ; await pause(50)) {
          const { "last-top-up": last, ...counts } = await shelf();
          if (last !== null && Date.parse(last.at) >= since) return { ...counts, last };
          assert.ok(Date.now() < deadline, "no top-up came");
        }
      },
    };
  }

  async function newRelay(shop) {
    const { body } = await shop.create();
    return body["relay-token"];
  }

  async function buy(shop, token) {
    const { status, text, body } = await shop.issue({ "relay-token": token });
    assert.equal(status, 200, text);
    return body["privacy-pass-token"];
  }

  test("filled at the first start, then an hour after the last time; ten relays at once take each another pass", async (t) => {
    const { file, folder, start, stop, kill, shop, shelf, billed, toppedUp } = place(t, 4);
    let began = Date.now();
    await start();
    assert.equal((await toppedUp(began)).ready, 4);
    const relays = await Promise.all(Array.from({ length: 10 }, () => newRelay(shop())));
    const passes = await Promise.all(relays.map((token) => buy(shop(), token)));
    assert.deepEqual([new Set(passes).size, billed()], [10, 10]);
    for (const [index, token] of relays.entries()) assert.equal(await buy(shop(), token), passes[index]);
    const { ready, bound } = await shelf();
    assert.deepEqual([ready, bound], [0, 0]);
    const look = () => {
      const files = readdirSync(folder).map((name) => readFileSync(path.join(folder, name), "latin1"));
      assert.ok(files.join("").includes("gateway_pool_slots"));
      for (const canary of [...passes.map((pass) => pass.slice(0, 60)), "pending_pass", ...relays]) assert.ok(!files.some((text) => text.includes(canary)), canary);
    };
    look();
    await kill();
    began = Date.now();
    await start(); // too early
    await pause(500);
    assert.equal((await shelf()).ready, 0);
    await stop();
    look();
    database(file, "age", HOUR_MS);
    began = Date.now();
    await start();
    assert.deepEqual([(await toppedUp(began)).ready, billed()], [4, 14]);
    for (const [index, token] of relays.entries()) assert.equal(await buy(shop(), token), passes[index]);
  });

  test("killed in a top-up, when a purchase was just billed: the next goes on with it", async (t) => {
    const { file, start, kill, billed, shelf, toppedUp } = place(t, 3);
    simulator.faults.set([{ call: "purchase", holdAfter: true, after: 1, times: 1 }]);
    await start();
    await simulator.faults.processed("purchase");
    const { ready, buying } = await shelf();
    assert.deepEqual([ready, buying, billed()], [1, 1, 2]);
    await kill();
    simulator.faults.clear();
    database(file, "age", HOUR_MS);
    const began = Date.now();
    await start();
    assert.deepEqual([(await toppedUp(began)).ready, billed()], [3, 3]);
  });

  test("SIGTERM in a top-up: the purchase that is under way is waited for, and no other begun", async (t) => {
    const { start, stop, billed, file } = place(t, 3);
    simulator.faults.set([{ call: "purchase", fault: "slow", ms: 1500 }]);
    await start();
    while (billed() === 0) await pause(20);
    await stop();
    assert.equal(billed(), 1);
    assert.deepEqual(database(file, "rows").gateway_pool_slots.map(({ state }) => state), ["issued"]);
  });

  for (const [who, asks] of [["who asks again gets that pass", true], ["nobody asks again, and an alarm gets the pass", false]]) {
    test(`killed between the binding and the ledger's own record: ${who}`, async (t) => {
      const { file, start, kill, shop, shelf, billed, toppedUp } = place(t, 2);
      const began = Date.now();
      await start();
      await toppedUp(began);
      const token = await newRelay(shop());
      const pass = await buy(shop(), token);
      await kill();
      // As it stands then: the binding is in the pool, and of the ledger nothing is on the disk but that it asks.
      database(file, "exec", `UPDATE gateway_pool_slots SET collected_at = NULL; DELETE FROM gateway_records;
        UPDATE gateway_flags SET value = 1 WHERE name = 'pool'; UPDATE gateway_alarms SET at = ${Date.now() + (asks ? HOUR_MS : 0)}`);
      await start();
      if (asks) assert.equal((await shelf()).bound, 1);
      else for (const deadline = Date.now() + 20_000; (await shelf()).bound > 0; await pause(50)) assert.ok(Date.now() < deadline, "no alarm came");
      assert.equal((await shop().view(token)).body.purchase.state, asks ? "none" : "issued");
      assert.equal(await buy(shop(), token), pass);
      const { ready, bound } = await shelf();
      assert.deepEqual([ready, bound, billed()], [1, 0, 2]);
    });
  }

  test("a copy is put back: what docs/hosting.md says to run keeps spent passes from being given away again, and a relay that has one takes another", async (t) => {
    const { file, start, stop, shop, billed, toppedUp } = place(t, 1);
    const putBack = () => {
      copyFileSync(`${file}.copy`, file);
      for (const beside of ["-wal", "-shm"]) rmSync(file + beside, { force: true });
    };
    const finished = async () => {
      const token = await newRelay(shop());
      await complete(simulator, token);
      return token;
    };
    const began = Date.now();
    await start();
    assert.equal((await toppedUp(began)).ready, 1);
    await stop();
    copyFileSync(file, `${file}.copy`);
    await start();
    const one = await finished();
    const spent = await buy(shop(), one);
    assert.equal((await shop().redeem(one)).status, 200);
    await stop();

    putBack();
    await start();
    const two = await finished();
    assert.equal(await buy(shop(), two), spent);
    for (let calls = 0; calls < 2; calls += 1) assert.equal((await shop().redeem(two)).status, 409);
    assert.equal((await shop().allowAgain(two)).error.code, "purchase_not_in_doubt");
    const { body: other } = await shop().issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": "another-pass" } });
    assert.equal((await shop().redeem(two, other)).status, 200);
    await stop();

    putBack();
    const [, mend] = /^sqlite3 relay-edge\.db "(.+)"$/m.exec(readFileSync(new URL("../../docs/hosting.md", import.meta.url), "utf8"));
    assert.equal(database(file, "exec", mend).gateway_pool_slots.length, 0);
    await start();
    const three = await finished();
    assert.notEqual(await buy(shop(), three), spent);
    assert.equal((await shop().redeem(three)).status, 200);
    assert.equal(billed(), 3);
  });

  test("at 80 days a pass is thrown away", async (t) => {
    const { file, start, kill, billed, toppedUp } = place(t, 2);
    let began = Date.now();
    const first = await start();
    await toppedUp(began);
    await kill();
    database(file, "age", 80 * DAY_MS);
    began = Date.now();
    const second = await start();
    const { ready, last } = await toppedUp(began);
    assert.deepEqual([ready, last["thrown-away"], last.bought, billed()], [2, 2, 2, 4]);
    assert.equal((await second.log(({ code }) => code === "pass_thrown_away")).count, 2);
    assert.deepEqual(first.logs().filter(({ code }) => code === "pass_thrown_away"), []);
  });
}
