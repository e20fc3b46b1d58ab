/** Half a configuration, or a malformed one, does not serve: the log says what to mend, the answer does not. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { test } from "node:test";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, PLAIN, caller, managedSecrets, newStoreKey, newToken, plainHeaders, send } from "./support.mjs";

const { bindings: whole } = managedSecrets();
const NAMES = /** @type {const} */ (["PERSONA_API_KEY", "GATEWAY_TOKENS", "STORE_KEYS"]);

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

malformed.IDEMPOTENCY_KEYS = malformed.STORE_KEYS;

for (const [name, values] of Object.entries(malformed)) {
  test(`a malformed ${name}`, async () => {
    for (const value of values) {
      assert.deepEqual(await refused({ bindings: { ...whole, [name]: value } }), [name], `${name}=${JSON.stringify(value)}`);
    }
  });
}

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
    [{ ...whole, IDEMPOTENCY_KEYS: newStoreKey("i") }, "managed"],
    [{ ...whole, GATEWAY_TOKENS: `a-_9:${"!".repeat(16)}:${"~".repeat(16)}`, STORE_KEYS: `${newStoreKey("x")},${newStoreKey("y")}` }, "managed"],
  ]) {
    const gateway = await startGateway({ bindings });
    try {
      assert.deepEqual((await send(`${gateway.url}/healthz`, { method: "GET" })).body, { status: "ok", mode });
    } finally {
      await gateway.close();
    }
  }
});
