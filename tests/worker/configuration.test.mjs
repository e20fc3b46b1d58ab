/** Half a configuration, or a malformed one, does not serve: the log says what to mend, the answer does not. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, PLAIN, caller, managedSecrets, newStoreKey, newToken, plainHeaders, send } from "./support.mjs";

const { bindings: whole } = managedSecrets();
const NAMES = /** @type {const} */ (["PERSONA_API_KEY", "GATEWAY_TOKENS", "STORE_KEYS"]);
const ACCESS = { ACCESS_TEAM_DOMAIN: "acme-2.cloudflareaccess.com", ACCESS_AUD: "f".repeat(64) };

/** The bindings that the log names. */
async function refused(options) {
  const gateway = await startGateway(options);
  try {
    const answers = [
      await send(`${gateway.url}/healthz`, { method: "GET" }),
      await send(`${gateway.url}/nowhere`, { method: "GET" }),
      await caller(gateway, newToken()).create(),
      await caller(gateway, newToken()).issue({ "claim-type": CLAIM_TYPE }),
      await caller(gateway).redeem("relay_x", {}),
    ];
    for (const answer of answers) {
      assert.equal(answer.status, 500);
      assert.deepEqual(plainHeaders(answer), PLAIN);
      assert.equal(answer.error.code, "misconfigured");
      assert.doesNotMatch(answer.text, /PERSONA|TOKENS|KEYS|RELAY|VERSION/);
    }
    const line = await gateway.log(({ code }) => code === "misconfigured");
    assert.equal(line.level, "error");
    for (const value of Object.values(options.bindings)) {
      if (typeof value === "string" && value.length > 5) assert.ok(!gateway.output().includes(value), "the log quotes a value");
    }
    return line.mend.map((text) => text.split(" ")[0]);
  } finally {
    await gateway.close();
  }
}

for (let bits = 1; bits < 7; bits++) {
  const set = NAMES.filter((_, index) => bits & (1 << index));
  test(`only ${set.join(" and ")}: the log names what is missing`, async () => {
    const bindings = Object.fromEntries(set.map((name) => [name, whole[name]]));
    assert.deepEqual(await refused({ bindings }), NAMES.filter((name) => !set.includes(name)));
  });
}

test("managed mode without the KV binding", async () => {
  assert.deepEqual(await refused({ bindings: whole, relays: false }), ["RELAYS"]);
});

test("managed mode without the Durable Objects, or with neither", async () => {
  assert.deepEqual(await refused({ bindings: whole, ledger: false }), ["LEDGER"]);
  assert.deepEqual(await refused({ bindings: whole, relays: false, ledger: false }), ["RELAYS", "LEDGER"]);
  assert.deepEqual(await refused({ bindings: whole, issuerKeys: false }), ["ISSUER_KEYS"]);
});

test("settings about the books of issuer keys without managed mode", async () => {
  for (const [name, value] of [["ISSUER_KEY_PINS", "0".repeat(64)], ["ISSUER_KEY_MIN_DAYS", "0"]]) {
    assert.deepEqual(await refused({ bindings: { [name]: value } }), [name]);
  }
});

test("a limit of purchases without what counts them, and without callers", async () => {
  assert.deepEqual(await refused({ bindings: { ...whole, PURCHASES_PER_DAY: "10" }, limits: false }), ["LIMITS"]);
  assert.deepEqual(await refused({ bindings: { PURCHASES_PER_DAY: "10" } }), ["PURCHASES_PER_DAY"]);
});

test("a pool of passes without what keeps it, and without an API key", async () => {
  const PASS_POOL = '{"age_over18_germany": 20}';
  assert.deepEqual(await refused({ bindings: { ...whole, PASS_POOL }, pool: false }), ["POOL"]);
  assert.deepEqual(await refused({ bindings: { PASS_POOL } }), ["PASS_POOL"]);
});

test("what is wrong with a pool of passes is said by its member", async () => {
  for (const [value, said] of [
    ['{"live_human_presence":5,"age_over18_germany":"20"}', "PASS_POOL member age_over18_germany must be a whole number from 0 to 1000"],
    ['{"age_over18_germany":20,"age_over18_germany":2}', "PASS_POOL member age_over18_germany is there twice: leave one of them"],
    ['{"live_human_presence":5,"über 18":2}', "PASS_POOL member 2: the claim type must be 1 to 128 of A-Z a-z 0-9 _ -"],
    ["age_over18_germany:20", 'PASS_POOL is not JSON: it must be one of claim types and numbers, such as {"age_over18_germany": 20}'],
    ["{}", "PASS_POOL names no claim type: add one, or remove it"],
  ]) {
    const gateway = await startGateway({ bindings: { ...whole, PASS_POOL: value } });
    try {
      assert.equal((await send(`${gateway.url}/healthz`, { method: "GET" })).status, 500);
      assert.deepEqual((await gateway.log(({ code }) => code === "misconfigured")).mend, [said]);
    } finally {
      await gateway.close();
    }
  }
});

test("half of the settings of Access, or without callers", async () => {
  const { ACCESS_AUD, ACCESS_TEAM_DOMAIN } = ACCESS;
  assert.deepEqual(await refused({ bindings: { ...whole, ACCESS_AUD } }), ["ACCESS_TEAM_DOMAIN"]);
  assert.deepEqual(await refused({ bindings: { ...whole, ACCESS_TEAM_DOMAIN } }), ["ACCESS_AUD"]);
  assert.deepEqual(await refused({ bindings: ACCESS }), ["ACCESS_AUD"]);
});

test("withholding the secret without a store to keep it in", async () => {
  assert.deepEqual(await refused({ bindings: { WITHHOLD_RELAY_SECRET: "true" } }), ["WITHHOLD_RELAY_SECRET"]);
});

const key = () => crypto.randomBytes(32).toString("base64");
const token = newToken();
const malformed = {
  PERSONA_BASE_URL: ["", "api.withpersona.com", "http://api.withpersona.com", "ftp://localhost", "https://user:pw@api.withpersona.com", "https://api.withpersona.com/?x=1", "https://api.withpersona.com/#x", "https://", 7],
  PERSONA_VERSION: ["", "2025", "2025-13-01", "2025-02-30", "25-01-01", "2025-01-01T00:00:00Z"],
  WITHHOLD_RELAY_SECRET: ["", "TRUE", "1", "yes", true],
  PERSONA_API_KEY: ["", "with space", "line\nbreak", "ключ"],
  GATEWAY_TOKENS: ["", token, `:${token}`, "shop:short", `shop:${token},`, `shop:${token}, bank:${newToken()}`, `a b:${token}`, `${"a".repeat(65)}:${token}`, `shop:${token},bank:${token}`, `a:${newToken()},a:${newToken()},a:${newToken()}`, `shop:${"ü".repeat(40)}`],
  STORE_KEYS: ["", key(), "k1:", `k1:${crypto.randomBytes(31).toString("base64")}`, `k1:${crypto.randomBytes(33).toString("base64")}`, `k1:${crypto.randomBytes(32).toString("base64url")}`, `k1:${key()},k1:${key()}`, `k1:${key()},`, `k1:${"/".repeat(43)}=`],
};

malformed.PURCHASES_PER_DAY = ["", "many", "-1", "1.5", "1e3", " 10", "1000000000", "shop", "shop:", "shop:x", ":5", "a b:5", "shop:5,", "shop:5,shop:6", "*:1,*:2", "shop:5, bank:6", "shop:5,7", 7];
malformed.ACCESS_TEAM_DOMAIN = ["", "https://acme.cloudflareaccess.com", "http://localhost:1", "acme", "acme.cloudflareaccess.com/", "ACME.cloudflareaccess.com", "user@acme.cloudflareaccess.com", "acme.cloudflareaccess.com:8443", "127.0.0.1:1/x", "localhost.evil.example:80", 7];
malformed.ACCESS_AUD = ["", "short", "a b".repeat(10), "x".repeat(129), "ü".repeat(20), 7];
malformed.IDEMPOTENCY_KEYS = malformed.STORE_KEYS;
malformed.REDEEM_DELAY_S = ["", "30", "-30", "300-30", "0-0", "30-10801", "1.5-2", "30 - 300", "30-300s", "٣-٤", 30];
malformed.PASS_POOL = ["", "20", "null", "[]", '["a"]', "{}", '{"a":1.5}', '{"a":-1}', '{"a":1001}', '{"a":null}', '{"a":true}', '{"a":{"b":1}}', '{"a":1,"a":1}', '{"a":1,"\\u0061":1}', '{"":1}', '{"a b":1}', "{'a':1}", '{"a":1,}', `{"${"a".repeat(129)}":1}`, JSON.stringify(Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`type_${index}`, 1]))), { age: 20 }];
malformed.EGRESS = ["", "https://egress.example"];
malformed.PERMISSIVE_ISSUER_KEYS = malformed.WITHHOLD_RELAY_SECRET;
malformed.ISSUER_KEY_MIN_DAYS = ["", "-1", "1.5", "366", "one", "1e2", 1];
malformed.ISSUER_KEY_PINS = ["", "0".repeat(63), "g".repeat(64), `a b:${"0".repeat(64)}`, `:${"0".repeat(64)}`, `${"0".repeat(64)},`, `${"0".repeat(64)}, ${"1".repeat(64)}`];

for (const [name, values] of Object.entries(malformed)) {
  test(`a malformed ${name}`, async () => {
    for (const value of values) {
      const rest = name.startsWith("ACCESS_") ? ACCESS : {};
      assert.deepEqual(await refused({ bindings: { ...whole, ...rest, [name]: value } }), [name], `${name}=${JSON.stringify(value)}`);
    }
  });
}

test("redeeming later without a ledger to note it in", async () => {
  assert.deepEqual(await refused({ bindings: { REDEEM_DELAY_S: "30-300" } }), ["REDEEM_DELAY_S"]);
});

test("one store key under two ids", async () => {
  const same = key();
  assert.deepEqual(await refused({ bindings: { ...whole, STORE_KEYS: `a:${same},b:${same}` } }), ["STORE_KEYS"]);
});

test("several faults are named at once", async () => {
  const bindings = { GATEWAY_TOKENS: "x", PERSONA_VERSION: "never" };
  assert.deepEqual((await refused({ bindings })).sort(), ["GATEWAY_TOKENS", "PERSONA_API_KEY", "PERSONA_VERSION", "STORE_KEYS"]);
});

test("forms that are right", async () => {
  for (const [bindings, mode] of [
    [{}, "pass-through"],
    [{ WITHHOLD_RELAY_SECRET: "false", PERSONA_VERSION: "2024-02-29" }, "pass-through"],
    [{ PERSONA_BASE_URL: "https://persona.example" }, "pass-through"],
    [{ PERSONA_BASE_URL: "http://localhost:8080" }, "pass-through"],
    [{ PERSONA_BASE_URL: "http://[::1]:8080/" }, "pass-through"],
    [whole, "managed"],
    [{ ...whole, REDEEM_DELAY_S: "0-10800" }, "managed"],
    [{ ...whole, IDEMPOTENCY_KEYS: newStoreKey("i") }, "managed"],
    [{ ...whole, PURCHASES_PER_DAY: "0" }, "managed"],
    [{ ...whole, ...ACCESS, PURCHASES_PER_DAY: "access:service:abc.access:5,access:person:0123456789abcdef:1" }, "managed"],
    [{ ...whole, PURCHASES_PER_DAY: "shop:100,b-_9:0,*:999999999" }, "managed"],
    [{ PERMISSIVE_ISSUER_KEYS: "true" }, "pass-through"],
    [{ ...whole, PASS_POOL: ' {"age_over18_germany": 1000, "__proto__": 0, "a-b": 1e2 }\n' }, "managed"],
    [{ ...whole, IDEMPOTENCY_KEYS: newStoreKey("i"), ISSUER_KEY_MIN_DAYS: "365", ISSUER_KEY_PINS: `${"A".repeat(64)},x_1:${"0".repeat(64)}` }, "managed"],
    [{ ...whole, GATEWAY_TOKENS: `a-_9:${"!".repeat(16)}:${"~".repeat(16)}`, STORE_KEYS: `${newStoreKey("x")},${newStoreKey("y")}` }, "managed"],
  ]) {
    const gateway = await startGateway({ bindings });
    try {
      assert.deepEqual((await send(`${gateway.url}/healthz`, { method: "GET" })).body, { status: "ok", mode, egress: bindings.REDEEM_DELAY_S ? "delayed" : "direct" });
    } finally {
      await gateway.close();
    }
  }
});
