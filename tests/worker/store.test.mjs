/** What is kept in KV and in the ledger: sealed, named by an HMAC, and readable after restarts and key rotations only by its keys. */
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { after, before, test } from "node:test";
import { whereIs } from "../../scripts/where.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { API_KEY, CLAIM_TYPE, caller, complete, managedSecrets, newStoreKey, persistent } from "./support.mjs";

let simulator;

before(async () => {
  simulator = await startSimulator();
});
after(() => simulator?.close());


/** Runs `use` with a gateway that is closed afterwards. */
async function withGateway(options, use) {
  const gateway = await startGateway({ upstream: simulator.url, ...options });
  try {
    return await use(gateway);
  } finally {
    await gateway.close();
  }
}

/** A relay with its pass, both stored. */
async function stored(tenant) {
  const { body: relay } = await tenant.create();
  const token = relay["relay-token"];
  await complete(simulator, token);
  const issued = await tenant.issue({ "relay-token": token });
  assert.equal(issued.status, 200);
  return { token, secret: relay["relay-secret"], pass: issued.body["privacy-pass-token"] };
}

test("restarted on the same stores, the gateway redeems a relay that was made before", async (t) => {
  const { bindings, shop } = managedSecrets();
  const stores = await persistent(t);
  const { token, pass } = await withGateway({ bindings, ...stores }, (gateway) => stored(caller(gateway, shop)));
  await withGateway({ bindings, ...stores }, async (gateway) => {
    const billed = simulator.ledger().billed.total;
    assert.equal((await caller(gateway, shop).issue({ "relay-token": token })).body["privacy-pass-token"], pass);
    assert.equal(simulator.ledger().billed.total, billed);
    assert.equal((await caller(gateway, shop).redeem(token)).status, 200);
  });
});

test("neither names nor values nor the files of the stores hold a secret, a token or a caller", async (t) => {
  const { bindings, shop } = managedSecrets();
  const stores = await persistent(t);
  const hidden = await withGateway({ bindings, ...stores }, async (gateway) => {
    const tenant = caller(gateway, shop);
    const { token, secret, pass } = await stored(tenant);
    assert.equal((await tenant.redeem(token)).status, 200);
    const key = "an-idempotency-key-of-the-shop";
    const keyed = await tenant.issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": key } });
    assert.equal(keyed.status, 200);
    const made = await tenant.create({}, { headers: { "idempotency-key": `${key}-2` } });
    assert.equal(made.status, 200);
    const kv = await gateway.kv();
    const { keys } = await kv.list();
    assert.deepEqual(keys.map(({ name }) => name.replace(/[0-9a-f]{64}$/, "#")).sort(), ["relay:#", "relay:#"]);
    assert.notEqual(keys[0].name.slice(-64), keys[1].name.slice(-64));
    const inDays = (keys[0].expiration - Date.now() / 1000) / 86_400;
    assert.ok(inDays > 89.9 && inDays <= 90.1, `kept for ${inDays} days`);
    for (const { name } of keys) assert.match(await kv.get(name), /^1\.k1\.[A-Za-z0-9_-]+$/);
    const claim = ["claim_result", "methodology"]; // not "passed", which a name in SQLite may be made of
    const relay = Object.values(made.body);
    return [token, secret, pass, pass.slice(0, 40), keyed.body["privacy-pass-token"].slice(0, 40), key, ...relay, ...claim, API_KEY, shop, "shop", "age_over18"];
  });
  const list = (directory) => readdir(directory, { recursive: true, withFileTypes: true });
  const files = (await Promise.all([list(stores.kvPersist), list(stores.durableObjectsPersist)])).flat().filter((entry) => entry.isFile());
  assert.ok(files.filter(({ name }) => name.endsWith(".sqlite")).length >= 4, "KV, and three objects");
  for (const file of files) {
    const folder = file.parentPath ?? file.path;
    const bytes = await readFile(path.join(folder, file.name));
    // The books of issuer keys say what Persona shows to everybody, by claim type.
    const open = folder.includes("IssuerKeys") ? ["age_over18"] : [];
    for (const text of hidden.filter((text) => !open.includes(text))) assert.ok(!bytes.includes(text), `${file.name} holds one of them`);
  }
});

test("an altered value, or one moved to another entry, opens for nobody", async () => {
  const { bindings, shop } = managedSecrets();
  await withGateway({ bindings }, async (gateway) => {
    const tenant = caller(gateway, shop);
    const kv = await gateway.kv();
    const one = await stored(tenant);
    const [nameOne] = (await kv.list({ prefix: "relay:" })).keys.map(({ name }) => name);
    const two = await stored(tenant);
    const nameTwo = (await kv.list({ prefix: "relay:" })).keys.map(({ name }) => name).find((name) => name !== nameOne);
    const [original, foreign] = [await kv.get(nameOne), await kv.get(nameTwo)];
    const middle = original.length >> 1;
    const flipped = original[middle] === "A" ? "B" : "A";
    const seen = simulator.requests().length;
    for (const value of [
      original.slice(0, middle) + flipped + original.slice(middle + 1),
      original.slice(0, -8),
      `2${original.slice(1)}`,
      original.replace("1.k1.", "1.k2."),
      `${original}.x`,
      foreign,
      "1.k1.",
      "1.k1.%%%",
      "{}",
      "",
    ]) {
      await kv.put(nameOne, value);
      for (const answer of [await tenant.redeem(one.token), await tenant.redeem(one.token, { "privacy-pass-token": one.pass }, { secret: one.secret })]) {
        assert.equal(answer.status, 500, value);
        assert.equal(answer.error.code, "stored_record_invalid");
      }
      assert.equal((await tenant.issue({ "relay-token": one.token })).status, 500);
    }
    assert.equal(simulator.requests().length, seen);
    assert.match((await gateway.log(({ code }) => code === "stored_record_invalid")).mend[0], /^RELAYS: /);
    await kv.put(nameOne, original);
    assert.equal((await tenant.redeem(one.token)).status, 200);
    assert.equal((await tenant.redeem(two.token)).status, 200);
  });
});

test("STORE_KEYS rotates: what an older key sealed opens, new entries are sealed under the first", async (t) => {
  const { bindings, shop } = managedSecrets();
  const stores = await persistent(t);
  const [first, second, third] = [newStoreKey("a"), newStoreKey("b"), newStoreKey("c")];
  const run = (STORE_KEYS, use) => withGateway({ ...stores, bindings: { ...bindings, STORE_KEYS } }, (gateway) => use(caller(gateway, shop), gateway));
  const old = await run(first, (tenant) => stored(tenant));
  const mid = await run(`${second},${first}`, async (tenant, gateway) => {
    const made = await stored(tenant);
    const kv = await gateway.kv();
    const values = await Promise.all((await kv.list()).keys.map(({ name }) => kv.get(name)));
    assert.deepEqual(values.map((value) => value.slice(0, 4)).sort(), ["1.a.", "1.b."]);
    return made;
  });
  await run(`${third},${second},${first}`, async (tenant) => {
    for (const { token, pass } of [old, mid]) {
      const again = await tenant.issue({ "relay-token": token });
      assert.equal(again.body["privacy-pass-token"], pass);
      assert.equal((await tenant.redeem(token)).status, 200);
    }
  });
  // An object of the ledger is sealed under the key that was first when its relay was first asked about.
  await run(`${third},${second}`, async (tenant) => {
    assert.equal((await tenant.redeem(mid.token)).status, 200);
    assert.equal((await tenant.redeem(old.token)).status, 503);
  });
  await run(newStoreKey("d"), async (tenant, gateway) => {
    const answer = await tenant.redeem(old.token, {}, { secret: old.secret });
    assert.deepEqual([answer.status, answer.error.code], [500, "stored_record_invalid"]);
    assert.match((await gateway.log(({ code }) => code === "stored_record_invalid")).mend[0], /^LEDGER: /);
  });
});

test("a relay that can't be stored is not answered", async () => {
  const { bindings, shop } = managedSecrets();
  await withGateway({ bindings, relays: `get() { return null; } put() { throw new Error("KV is down"); }` }, async (gateway) => {
    const answer = await caller(gateway, shop).create();
    assert.equal(answer.status, 503);
    assert.equal(answer.error.code, "store_unavailable");
    assert.ok(Number(answer.headers.get("retry-after")) > 0);
  });
});

test("a KV that does not answer is 503, not a missing relay", async () => {
  const { bindings, shop } = managedSecrets();
  await withGateway({ bindings, relays: `get() { throw new Error("KV is down"); } put() {}` }, async (gateway) => {
    const seen = simulator.requests().length;
    const tenant = caller(gateway, shop);
    for (const answer of [await tenant.redeem("relay_x", {}, { secret: "s" }), await tenant.issue({ "relay-token": "relay_x" }, { secret: "s" })]) {
      assert.equal(answer.status, 503);
      assert.equal(answer.error.code, "store_unavailable");
    }
    assert.equal(simulator.requests().length, seen);
  });
});

test("a fault of our own is 500 and says nothing, its log line only where it was", async () => {
  const { bindings, shop } = managedSecrets();
  // No KV answers a number; the exception's message would quote what was there instead.
  await withGateway({ bindings, relays: `get() { return 20261121; } put() {}` }, async (gateway) => {
    const answer = await caller(gateway, shop).redeem("relay_x", {}, { secret: "s" });
    assert.equal(answer.status, 500);
    assert.deepEqual(answer.body, { errors: [{ title: "The gateway failed. The next request is not affected.", code: "internal" }] });
    const line = await gateway.log(({ code }) => code === "internal");
    assert.match(line.fault, /^TypeError at \w+ \(index\.js:\d+:\d+\)$/);
    assert.match(whereIs(line.fault), /^worker\/seal\.ts:\d+:\d+$/);
    assert.throws(() => whereIs("TypeError"), /give it as the log does/);
    assert.equal(line.level, "error");
    assert.doesNotMatch(gateway.output(), /20261121|not a function/);
  });
});
