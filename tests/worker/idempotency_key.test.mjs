/** `Idempotency-Key` of callers: the work that no relay token identifies, done once per caller and key. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway, testInWorkerd } from "../support/gateway.mjs";
import { API_KEY, CLAIM_TYPE, caller, complete, managedSecrets, newStoreKey, persistent, send, sendFrom } from "./support.mjs";

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

let count = 0;
const newKey = () => `key-${(count += 1)}-${Math.random()}`;
const keyed = (key) => ({ headers: { "idempotency-key": key } });
const BODY = { "claim-type": CLAIM_TYPE };
const billed = () => simulator.ledger().billed.total;

/** @returns {Promise<any>} the first answer with 200 */
async function untilDone(work) {
  for (let tries = 0; tries < 20; tries += 1) {
    const answer = await work();
    if (answer.status === 200) return answer;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("never done");
}

test("one key, one pass: replayed, marked, and redeemable", async () => {
  const key = newKey();
  const before = billed();
  const first = await shop.issue(BODY, keyed(key));
  assert.equal(first.status, 200);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  // Written otherwise, and quoted as the draft has it: the same request.
  for (const [body, header] of [[BODY, key], [`{ "sandbox": false,\n "claim-type": "${CLAIM_TYPE}" }`, `"${key}"`]]) {
    const again = await shop.issue(body, keyed(header));
    assert.equal(again.text, first.text);
    assert.equal(again.headers.get("idempotent-replayed"), "true");
  }
  assert.equal(billed(), before + 1);
  const token = (await shop.create()).body["relay-token"];
  await complete(simulator, token);
  assert.equal((await shop.redeem(token, first.body)).status, 200);
  assert.notEqual((await shop.issue(BODY, keyed(newKey()))).text, first.text);
});

test("another body under the same key is 422, on the other route too", async () => {
  const key = newKey();
  await shop.issue(BODY, keyed(key));
  const before = simulator.requests().length;
  for (const answer of [
    await shop.issue({ ...BODY, sandbox: true }, keyed(key)),
    await shop.issue({ "claim-type": "age_over18_france" }, keyed(key)),
    await shop.create({}, keyed(key)),
  ]) {
    assert.deepEqual([answer.status, answer.error.code], [422, "idempotency_key_reused"]);
  }
  assert.equal(simulator.requests().length, before);
});

test("keys are the caller's own", async () => {
  const key = newKey();
  const [ours, theirs] = [await shop.issue(BODY, keyed(key)), await bank.issue(BODY, keyed(key))];
  assert.equal(theirs.status, 200);
  assert.notEqual(ours.text, theirs.text);
});

test("malformed keys are 400", async () => {
  const before = simulator.requests().length;
  for (const key of ["", '""', "a b", '"a b"', "x".repeat(256), "caf\u00e9", '"\\"']) {
    for (const answer of [await shop.issue(BODY, keyed(key)), await shop.create({}, keyed(key))]) {
      assert.deepEqual([answer.status, answer.error.code], [400, "parameter_invalid"], key);
      assert.match(answer.error.details, /^idempotency-key /);
    }
  }
  assert.equal(simulator.requests().length, before);
  for (const key of [newKey().padEnd(255, "~"), "!#$%&'()*+,-./:;<=>?@[]^_`{|}~"]) assert.equal((await shop.issue(BODY, keyed(key))).status, 200);
});

test("20 at once buy once; who comes while it hangs is told to wait", { timeout: 60_000 }, async () => {
  const key = newKey();
  const before = billed();
  simulator.faults.set([{ call: "purchase", fault: "hang-after", times: 4 }]);
  const leading = shop.issue(BODY, keyed(key));
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const others = await Promise.all(Array.from({ length: 19 }, () => shop.issue(BODY, keyed(key))));
  for (const answer of others) {
    assert.deepEqual([answer.status, answer.error.code], [409, "idempotency_key_in_use"]);
    assert.ok(Number(answer.headers.get("retry-after")) > 0);
  }
  assert.equal((await leading).status, 504);
  simulator.faults.clear();
  const answers = await Promise.all(Array.from({ length: 20 }, () => shop.issue(BODY, keyed(key))));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.equal(billed(), before + 1);
});

test("workerd killed when upstream has billed: the retry has the pass, billed once", async (t) => {
  const stores = await persistent(t);
  const start = () => startGateway({ upstream: simulator.url, bindings: secrets.bindings, ...stores });
  let own = await start();
  t.after(() => own.close());
  const key = newKey();
  const before = billed();
  simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
  const lost = caller(own, secrets.shop).issue(BODY, keyed(key)).catch(() => undefined);
  await simulator.faults.processed("purchase");
  await own.close();
  await lost;
  simulator.faults.clear();
  own = await start();
  const answer = await untilDone(() => caller(own, secrets.shop).issue(BODY, keyed(key)));
  assert.equal((await caller(own, secrets.shop).issue(BODY, keyed(key))).text, answer.text);
  assert.equal(billed(), before + 1);
});

test("POST /relays with a key answers the same relay, which works", async () => {
  const key = newKey();
  const made = () => simulator.requests().filter(({ call }) => call === "create").length;
  const before = made();
  const answers = await Promise.all(Array.from({ length: 5 }, () => shop.create({}, keyed(key))));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.equal(made(), before + 1);
  assert.equal(answers.filter(({ headers }) => headers.get("idempotent-replayed") === null).length, 1);
  assert.equal((await shop.create({ "claim-type": "age_over18_france" }, keyed(key))).status, 422);
  const token = answers[0].body["relay-token"];
  await complete(simulator, token);
  assert.equal((await shop.issue({ "relay-token": token })).status, 200);
  assert.equal((await shop.redeem(token)).status, 200);
});

testInWorkerd("a relay that was made and not stored is stored when it is asked for again", async () => {
  const key = newKey();
  const { body } = await shop.create({}, keyed(key));
  const kv = await gateway.kv();
  const { relay } = await gateway.log(({ route, caller, relay }) => route === "/relays" && caller === "shop" && relay !== undefined && gateway.logs().at(-1).relay === relay);
  const [{ name }] = (await kv.list({ prefix: `relay:${relay}` })).keys;
  await kv.delete(name);
  assert.equal((await shop.create({}, keyed(key))).body["relay-token"], body["relay-token"]);
  assert.equal((await shop.issue({ "relay-token": body["relay-token"] })).status, 200);
});

test("in pass-through mode nothing is kept, and the key does nothing", async (t) => {
  const open = await startGateway({ upstream: simulator.url });
  t.after(() => open.close());
  const [one, two] = [await caller(open, API_KEY).issue(BODY, keyed("k")), await caller(open, API_KEY).issue(BODY, keyed("k"))];
  assert.deepEqual([one.status, two.status], [200, 200]);
  assert.notEqual(one.text, two.text);
  assert.equal((await send(`${open.url}/relays/relay_x`, { method: "GET", bearer: API_KEY })).status, 404);
});

test("STORE_KEYS rotates, two versions side by side: a key is started by one of them only", async (t) => {
  const stores = await persistent(t);
  const [a, b] = [newStoreKey("a"), newStoreKey("b")];
  let own;
  t.after(() => own?.close());
  /** The version with these keys, in place of the one before. */
  const version = async (STORE_KEYS) => {
    await own?.close();
    own = await startGateway({ upstream: simulator.url, bindings: { ...secrets.bindings, STORE_KEYS }, ...stores });
    return caller(own, secrets.shop);
  };
  const [old, fresh, swapped] = [newKey(), newKey(), newKey()];
  const before = billed();
  const first = await (await version(a)).issue(BODY, keyed(old));
  const rotated = await version(`${b},${a}`);
  assert.equal((await rotated.issue(BODY, keyed(old))).text, first.text);
  const second = await rotated.issue(BODY, keyed(fresh));
  assert.equal(second.status, 200);
  // A Worker that does not have the new key yet: it can't know, so it does nothing.
  const behind = await (await version(a)).issue(BODY, keyed(fresh));
  assert.deepEqual([behind.status, behind.error.code], [503, "store_unavailable"]);
  // The same keys in another order find it.
  const other = await version(`${a},${b}`);
  assert.equal((await other.issue(BODY, keyed(fresh))).text, second.text);
  assert.equal((await other.issue(BODY, keyed(old))).text, first.text);
  const third = await other.issue(BODY, keyed(swapped));
  assert.equal((await (await version(`${b},${a}`)).issue(BODY, keyed(swapped))).text, third.text);
  assert.equal(billed(), before + 3);
});

testInWorkerd("two versions that have stopped each other at the same moment agree on one object", async (t) => {
  const stores = await persistent(t);
  const [a, b] = [newStoreKey("a"), newStoreKey("b")];
  const start = (STORE_KEYS) => startGateway({ upstream: simulator.url, bindings: { ...secrets.bindings, STORE_KEYS }, ...stores });
  let own = await start(`${a},${b}`);
  t.after(() => own.close());
  const key = newKey();
  // Each has asked for the other's object, and started none.
  for (const entry of [a, b]) {
    const naming = crypto.hkdfSync("sha256", Buffer.from(entry.slice(2), "base64"), "", "relay-edge v1 naming", 32);
    const name = crypto.createHmac("sha256", Buffer.from(naming)).update(`key\0shop\0${key}`).digest("hex");
    assert.equal(await (await own.object(`key:${name}`)).hasStarted(), false);
  }
  const before = billed();
  const answers = await Promise.all(Array.from({ length: 5 }, () => caller(own, secrets.shop).issue(BODY, keyed(key))));
  await own.close();
  own = await start(`${b},${a}`);
  answers.push(await caller(own, secrets.shop).issue(BODY, keyed(key)));
  assert.deepEqual(answers.map(({ status }) => status), Array(6).fill(200));
  assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
  assert.equal(billed(), before + 1);
});

test("a relay's purchase in flight survives a rotation of STORE_KEYS and of IDEMPOTENCY_KEYS", async (t) => {
  const stores = await persistent(t);
  const [a, b, i, j] = ["a", "b", "i", "j"].map(newStoreKey);
  const start = (STORE_KEYS, IDEMPOTENCY_KEYS) => startGateway({ upstream: simulator.url, bindings: { ...secrets.bindings, STORE_KEYS, IDEMPOTENCY_KEYS }, ...stores });
  let own = await start(a, i);
  t.after(() => own.close());
  const token = (await caller(own, secrets.shop).create()).body["relay-token"];
  await complete(simulator, token);
  const before = billed();
  for (const [call, target, body] of [["purchase", "/relays/privacy-passes", { "relay-token": token }], ["redeem", `/relays/${token}/redeem`, {}]]) {
    simulator.faults.set([{ call, holdAfter: true, times: 1 }]);
    await sendFrom(own, secrets.shop, target, body);
    await simulator.faults.processed(call);
    await own.close();
    simulator.faults.clear();
    own = await start(`${b},${a}`, j);
    const again = () => send(own.url + target, { bearer: secrets.shop, body });
    const answer = await untilDone(again);
    assert.equal((await again()).text, answer.text);
  }
  assert.equal(billed(), before + 1);
  assert.equal(simulator.ledger().relays[token].redeemed, true);
});
