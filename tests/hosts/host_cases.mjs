/** What is true of the gateway outside Cloudflare only: its database, its start and its end. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { findRuntime } from "../../scripts/lib/runtimes.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { HostFailed, startHost } from "../support/hosts.mjs";
import { rawRequest, requestText } from "../support/raw_http.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets, newStoreKey, newToken, send, sendFrom } from "../worker/support.mjs";

const DAY_MS = 24 * 60 * 60_000;

/** Registers the tests of one host. @param {import("../support/hosts.mjs").Host} host */
export function hostCases(host) {
  const secrets = managedSecrets();
  let simulator;
  before(async () => (simulator = await startSimulator()));
  beforeEach(() => simulator.faults.reset());
  after(() => simulator?.close());

  /** A folder with a database, and how to start gateways over it. */
  function place(t) {
    const folder = mkdtempSync(path.join(os.tmpdir(), "relay-edge-hosts-"));
    const started = [];
    t.after(async () => {
      for (const gateway of started) await gateway.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return {
      folder,
      file: path.join(folder, "relay-edge.db"),
      async start(bindings = secrets.bindings) {
        const gateway = await startHost(host, { upstream: simulator.url, bindings, durableObjectsPersist: folder });
        started.push(gateway);
        return gateway;
      },
    };
  }

  async function newRelay(gateway) {
    const { body } = await caller(gateway, secrets.shop).create();
    await complete(simulator, body["relay-token"]);
    return { token: body["relay-token"], secret: body["relay-secret"] };
  }

  /** Why a start fails. */
  async function failure(start) {
    const error = await start().then(() => assert.fail("it serves"), (error) => error);
    assert.ok(error instanceof HostFailed, error);
    assert.notEqual(error.code, 0);
    return error.output;
  }

  test("killed with a purchase and a redemption under way: after the restart both are fetched with nobody asking", async (t) => {
    const { file, start } = place(t);
    let gateway = await start();
    const shop = () => caller(gateway, secrets.shop);
    const [unbought, unread] = [await newRelay(gateway), await newRelay(gateway)];
    assert.equal((await shop().issue({ "relay-token": unread.token })).status, 200);
    const before = simulator.ledger().billed.total;
    simulator.faults.set(["purchase", "redeem"].map((call) => ({ call, holdAfter: true, times: 1 })));
    const asked = [shop().issue({ "relay-token": unbought.token }), shop().redeem(unread.token)].map((answer) => answer.catch(() => undefined));
    await Promise.all(["purchase", "redeem"].map((call) => simulator.faults.processed(call)));
    await gateway.close();
    await Promise.all(asked);
    simulator.faults.clear();
    database(file, "age", 15_000); // instead of waiting for it
    gateway = await start();
    const states = async () => {
      const [one, two] = await Promise.all([unbought, unread].map(({ token }) => shop().view(token)));
      return [one.body.purchase.state, two.body.redemption.state];
    };
    for (const deadline = Date.now() + 20_000; (await states()).join() !== "issued,redeemed"; ) {
      assert.ok(Date.now() < deadline, `nobody went on: ${await states()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const replays = [await shop().issue({ "relay-token": unbought.token }), await shop().redeem(unread.token)];
    assert.deepEqual(replays.map(({ status, headers }) => [status, headers.get("idempotent-replayed")]), [[200, "true"], [200, "true"]]);
    assert.equal(simulator.ledger().billed.total, before + 1);
    assert.equal(simulator.ledger().relays[unread.token].redeemed, true);
  });

  test("one process has the file; after a SIGKILL the next has it at once", async (t) => {
    const { file, start } = place(t);
    const first = await start();
    const said = await failure(start);
    assert.ok(said.includes(`database ${file} is in use by another process: one gateway serves one file`), said);
    assert.equal((await send(`${first.url}/healthz`, { method: "GET" })).status, 200);
    const { token } = await newRelay(first);
    await first.close();
    const second = await start();
    assert.equal((await caller(second, secrets.shop).issue({ "relay-token": token })).status, 200);
  });

  for (const [who, leaves] of [["who asked is answered", false], ["who went away has their work done", true]]) {
    test(`SIGTERM: ${who}`, async (t) => {
      const { start } = place(t);
      const first = await start();
      const { token } = await newRelay(first);
      const body = { "relay-token": token };
      simulator.faults.set([{ call: "purchase", holdAfter: true }]);
      const waiting = leaves ? undefined : caller(first, secrets.shop).issue(body);
      const client = leaves ? await sendFrom(first, secrets.shop, "/relays/privacy-passes", body) : undefined;
      await simulator.faults.processed("purchase");
      await client?.reset();
      let code;
      const stopped = first.stop().then((ended) => (code = ended));
      await new Promise((resolve) => setTimeout(resolve, 500));
      assert.equal(code, undefined, "it did not wait");
      simulator.faults.clear();
      if (waiting !== undefined) assert.equal((await waiting).status, 200);
      await stopped;
      assert.equal(code, 0);
      const seen = simulator.requests().length;
      const again = await caller(await start(), secrets.shop).issue(body);
      assert.deepEqual([again.status, again.headers.get("idempotent-replayed")], [200, "true"]);
      assert.equal(simulator.requests().length, seen);
    });
  }

  test("SIGTERM with connections on which a request never comes to its end: who asked is answered, and it ends within its limit", async (t) => {
    const { start } = place(t);
    const first = await start({ ...secrets.bindings, STOP_WITHIN_S: "2" });
    const { token } = await newRelay(first);
    const half = requestText("POST", "/relays", { "content-type": "application/json", authorization: `Bearer ${secrets.shop}`, "content-length": "100" }, "{");
    for (const sent of ["", half]) {
      const socket = net.connect(first.port, "127.0.0.1").on("error", () => undefined);
      t.after(() => socket.destroy());
      await once(socket, "connect");
      if (sent !== "") await new Promise((resolve) => socket.write(sent, resolve));
    }
    simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
    const asked = caller(first, secrets.shop).issue({ "relay-token": token });
    await simulator.faults.processed("purchase");
    const [stopped, since] = [first.stop(), Date.now()];
    simulator.faults.clear();
    assert.equal((await asked).status, 200);
    const code = await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, 15_000, "it does not end").unref())]);
    assert.equal(code, 0);
    assert.ok(Date.now() - since < 10_000, "it took longer than it may");
  });

  test("the files of the database hold nothing in the clear, while it is served and after", async (t) => {
    const { folder, start } = place(t);
    const gateway = await start();
    const shop = caller(gateway, secrets.shop);
    const { token, secret } = await newRelay(gateway);
    const pass = (await shop.issue({ "relay-token": token })).body["privacy-pass-token"];
    const { body: claim } = await shop.redeem(token);
    const key = `key-${newToken()}`;
    const byKey = (await shop.issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": key } })).body["privacy-pass-token"];
    // A claim type that was bought is in the books of issuer keys, which say what Persona shows to everybody.
    const unbought = "age_over18_brazil";
    await shop.create({ "claim-type": unbought });
    const { PERSONA_API_KEY, STORE_KEYS } = secrets.bindings;
    const canaries = [token, secret, pass, byKey, key, claim["claim-payload"], "claim_result", unbought, secrets.shop, PERSONA_API_KEY, STORE_KEYS.slice(3)];
    const look = () => {
      const files = readdirSync(folder).map((file) => readFileSync(path.join(folder, file), "latin1"));
      assert.ok(files.join("").includes("gateway_records") && files.join("").includes("redeemed"), "this is not where it is kept");
      for (const canary of canaries) assert.ok(!files.some((text) => text.includes(canary)), canary);
    };
    look();
    assert.equal(await gateway.stop(), 0);
    look();
  });

  test("what is over is deleted after its time, and what is in doubt is kept", async (t) => {
    const { file, start } = place(t);
    let gateway = await start();
    const [over, doubtful] = [await newRelay(gateway), await newRelay(gateway)];
    const shop = caller(gateway, secrets.shop);
    assert.equal((await shop.issue({ "relay-token": over.token })).status, 200);
    assert.equal((await shop.redeem(over.token)).status, 200);
    simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
    assert.equal((await shop.issue({ "relay-token": doubtful.token })).status, 502);
    assert.equal(await gateway.stop(), 0);
    const objects = (rows) => [rows.gateway_subjects.length, new Set(rows.gateway_records.map(({ object }) => object)).size, rows.gateway_alarms.length];
    assert.deepEqual(objects(database(file, "age", 6 * DAY_MS)), [2, 2, 2]);
    gateway = await start();
    assert.equal((await caller(gateway, secrets.shop).redeem(over.token)).headers.get("idempotent-replayed"), "true");
    // The alarm that was due meanwhile has done what it could.
    await gateway.log(({ event, code }) => event === "alarm" && code === "still_in_doubt");
    await gateway.close();
    const { gateway_entries: entries } = database(file, "age", 2 * DAY_MS);
    assert.equal(entries.length, 2);

    assert.equal(await (await start()).stop(), 0); // what is due is done before it ends
    const rows = database(file, "rows");
    assert.deepEqual(objects(rows), [1, 1, 1]);
    assert.equal(rows.gateway_records[0].in_doubt, 1);
    assert.equal(rows.gateway_entries.length, 1, "the claim was read: nothing of its relay is left");

    database(file, "exec", `UPDATE gateway_entries SET expires_at = ${Date.now() - 1}`);
    gateway = await start();
    assert.equal((await caller(gateway, secrets.shop).redeem(doubtful.token)).error.code, "relay_not_found_yet");
    await gateway.close();
    assert.deepEqual(database(file, "rows").gateway_entries, []);
  });

  test("it does not start half configured, and names every problem but no value", async (t) => {
    const { start } = place(t);
    const bindings = { GATEWAY_TOKENS: `shop:${newToken()}`, STORE_KEYS: `${newStoreKey("k1")}x`, PERSONA_VERSION: "yesterday", STOP_WITHIN_S: "soon" };
    const said = await failure(() => start(bindings));
    for (const problem of ["PERSONA_API_KEY is missing: set it", "STORE_KEYS entry 1: the key must be 32 bytes", "PERSONA_VERSION must be a date", "STOP_WITHIN_S must be a number from 0 to 9999"]) assert.ok(said.includes(problem), said);
    for (const value of [...Object.values(bindings), bindings.GATEWAY_TOKENS.slice(5), bindings.STORE_KEYS.slice(3)]) assert.ok(!said.includes(value), value);
  });

  test("a file that is no database, or one of a newer release, is refused by its name and left as it is", async (t) => {
    const { file, start } = place(t);
    writeFileSync(file, "somebody's letters, not a database. ".repeat(100));
    const letters = readFileSync(file);
    const said = await failure(start);
    assert.ok(said.includes(`database ${file} can't be used`) && said.includes("check that it is a SQLite file"), said);
    assert.deepEqual(readFileSync(file), letters);
    rmSync(file);
    await (await start()).stop();
    database(file, "exec", "PRAGMA user_version = 3");
    const newer = await failure(start);
    assert.ok(newer.includes(`database ${file} was written by a newer release: run that one`), newer);
  });

  test("pass-through mode leaves the database empty", async (t) => {
    const { file, start } = place(t);
    const gateway = await start({});
    assert.equal((await caller(gateway).create()).status, 200);
    assert.equal(await gateway.stop(), 0);
    assert.deepEqual(database(file, "rows"), {});
  });

  test("a body that breaks off harms nobody", async (t) => {
    const gateway = await place(t).start();
    for (let calls = 0; calls < 5; calls += 1) {
      const client = await sendFrom(gateway, secrets.shop, "/relays", { "claim-type": CLAIM_TYPE }, { "content-length": "100" });
      await client.reset();
    }
    assert.equal((await rawRequest(gateway.port, requestText("GET", "/healthz"))).status, 200);
    assert.equal((await newRelay(gateway)).token.length > 0, true);
    assert.deepEqual(gateway.logs().filter(({ level }) => level === "error"), []);
  });
}

/** Registers the test of one host that takes long. @param {import("../support/hosts.mjs").Host} host */
export function patienceCase(host) {
  test("an answer may take longer than the 10 s that a server waits by itself, also to a request without a body", async (t) => {
    const secrets = managedSecrets();
    const simulator = await startSimulator();
    t.after(() => simulator.close());
    const gateway = await startHost(host, { upstream: simulator.url, bindings: secrets.bindings });
    t.after(() => gateway.close());
    const shop = caller(gateway, secrets.shop);
    const { "relay-token": token } = (await shop.create()).body;
    await complete(simulator, token);
    assert.equal((await shop.issue({ "relay-token": token })).status, 200);
    simulator.faults.set([{ call: "redeem", holdAfter: true, times: 2 }]);
    const start = Date.now();
    assert.equal((await shop.redeem(token)).status, 200);
    assert.ok(Date.now() - start > 15_000);
  });
}

/** Runs database_tool.mjs over a database that nobody has open. @param {string} file @param {...(string | number)} args @returns {any} */
export function database(file, ...args) {
  const found = findRuntime("node22");
  assert.ok("command" in found, found.missing);
  const [node, ...options] = found.command;
  const tool = fileURLToPath(new URL("database_tool.mjs", import.meta.url));
  return JSON.parse(execFileSync(node, [...options, tool, file, ...args.map(String)], { encoding: "utf8" }));
}
