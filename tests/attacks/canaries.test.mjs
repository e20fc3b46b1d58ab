/** The search that every gateway of the tests goes through when it is closed: it finds what it is to find, and it is done. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { answered, findSecrets, findSecretsIn, mustBeSilent, secret } from "../support/canaries.mjs";
import { startGateway } from "../support/gateway.mjs";
import { caller, complete, managedSecrets } from "../worker/support.mjs";

const newSecret = () => crypto.randomBytes(32).toString("base64url");

test("T29 a planted secret is found in each form, wherever it stands", () => {
  for (const value of [newSecret(), crypto.randomUUID(), `{"claim":"${newSecret()}"}`, newSecret() + newSecret() + newSecret(), crypto.randomBytes(32).toString("base64"), crypto.randomBytes(32).toString("hex")]) {
    assert.deepEqual(findSecrets(`before ${value} after`), []);
    secret("planted", value);
    const bytes = Buffer.from(value);
    const forms = {
      raw: value, json: JSON.stringify({ a: JSON.stringify({ b: value }) }), url: encodeURIComponent(value), percent: [...bytes].map((byte) => `%${byte.toString(16).toUpperCase()}`).join(""), hex: bytes.toString("hex"), HEX: bytes.toString("hex").toUpperCase(),
      ...Object.fromEntries([0, 1, 2, 3, 4].flatMap((before) => ["base64", "base64url"].map((form) => [`${form} ${before}`, Buffer.from(`${"x".repeat(before)}${value} and more`).toString(form)]))),
    };
    for (const [form, text] of Object.entries(forms)) {
      // JSON in JSON escapes twice, which is another form where there is something to escape.
      if (form === "json" && value.includes('"')) continue;
      for (const around of [text, `x${text}`, `${"\0".repeat(4099)}${text}\xff`]) assert.equal(findSecrets(around).length > 0, true, `${form}: ${value}`);
      assert.ok(!findSecrets(text).join().includes(value));
    }
    assert.deepEqual(findSecrets(value.slice(0, 11)), []);
  }
  const encoded = newSecret();
  secret("planted", encoded);
  assert.deepEqual(findSecrets(Buffer.concat([Buffer.alloc(7), Buffer.from(encoded, "base64url")])), ["planted, what it encodes"]);
  const long = newSecret() + newSecret() + newSecret();
  secret("planted", long);
  assert.ok(findSecrets(long.slice(0, 70)).length > 0 && findSecrets(long.slice(-40)).length > 0);
});

test("T29 in files of any depth and in their names, and in the answer to somebody else", (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), "relay-edge-canaries-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [inside, name] = [newSecret(), newSecret()];
  mkdirSync(path.join(folder, "a/b"), { recursive: true });
  writeFileSync(path.join(folder, "a/b/c.sqlite"), Buffer.concat([crypto.randomBytes(1 << 20), Buffer.from(inside), crypto.randomBytes(1 << 20)]));
  writeFileSync(path.join(folder, "a", name), "");
  assert.deepEqual(findSecretsIn(folder), []);
  secret("planted", inside);
  secret("name", name);
  assert.equal(findSecretsIn(folder).length, 2);
  assert.throws(() => mustBeSilent({ folders: [folder] }), (error) => /c\.sqlite: planted/.test(error.message) && !error.message.includes(inside));
  assert.throws(() => mustBeSilent({ output: `line\n${inside}` }), /the log: planted/);
  assert.throws(() => answered({ status: 400, headers: new Headers({ "request-id": inside }), text: "{}", body: {} }), /400 holds planted/);
  secret("STORE_KEYS", "0".repeat(20));
  assert.throws(() => answered({ status: 200, headers: new Headers(), text: `{"x":"${"0".repeat(20)}"}`, body: {} }), /200 holds STORE_KEYS/);
});

test("T27 T29 a gateway that wrote a secret somewhere does not close well, and one that did not does", async (t) => {
  const simulator = await startSimulator();
  t.after(() => simulator.close());
  const { bindings, shop, bank } = managedSecrets();
  const run = async (spoil, more = {}) => {
    const gateway = await startGateway({ upstream: simulator.url, bindings, ...more });
    try {
      const { body: relay } = await caller(gateway, shop).create();
      await complete(simulator, relay["relay-token"]);
      assert.equal((await caller(gateway, shop).issue({ "relay-token": relay["relay-token"] })).status, 200);
      assert.equal((await caller(gateway, shop).redeem(relay["relay-token"])).status, 200);
      await spoil(gateway, relay);
    } catch (error) {
      await gateway.close().catch(() => undefined);
      throw error;
    }
    return gateway.close();
  };
  await run(() => undefined);
  await assert.rejects(run(async (gateway, relay) => (await gateway.kv()).put("x", `a secret: ${relay["relay-secret"]}`)), /relay secret, as it is/);
  await assert.rejects(run(async (gateway) => (await gateway.kv()).put("x", Buffer.from(bindings.STORE_KEYS.slice(3)).toString("hex"))), /STORE_KEYS, in hex/);
  const script = "export default { async fetch(request) { console.log(await request.text()); return new Response(); } };";
  await assert.rejects(run((gateway, relay) => gateway.bound(0, "http://x/", { method: "POST", body: relay["relay-session-access-token"] }), { bound: [{ script, props: {} }] }), /the log: .*token/);
  // Nor is what one caller is given answered to another.
  await assert.rejects(run(async (gateway, relay) => answered({ bearer: bank, status: 200, headers: new Headers(), text: "", body: { "relay-secret": relay["relay-secret"] } })), /of shop was answered to bank/);
});
