/** `new Persona(options)`: what no call could work with is a TypeError that names the option. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_TYPE, Persona, PersonaError, failure, library, scriptedFetch } from "./support.mjs";

const refused = {
  baseUrl: [
    "", "not a url", "/api", "example.com", "ftp://example.com", "file:///etc/passwd", "data:,x", "javascript:alert(1)", "ws://localhost",
    "http://example.com", "http://127.0.0.1.example.com", "http://localhost.example.com", "http://10.0.0.1", "http://[::2]", "http://0.0.0.0",
    "https://user@example.com", "https://user:pass@example.com", "https://:pass@example.com", "http://localhost@example.com",
    "https://example.com?", "https://example.com/?a=b", "https://example.com#", "https://example.com/#a",
    5, true, {}, [], new URL("https://example.com"),
  ],
  apiKey: ["", "a b", "a\r\nx-y: z", "a\n", "\r", " a", "a\t", "a\0", "é", "x".repeat(513), 5, {}, []],
  personaVersion: ["", "2025", "2025-1-1", "20250101", "2025-01-01 ", " 2025-01-01", "2025/01/01", "2025-01-0x", "2025-01-011", 5, {}, new Date()],
  timeoutMs: [0, -1, 1.5, NaN, Infinity, -Infinity, 600_001, "10000", null, {}, true, 10n],
  maxRetries: [-1, 0.5, 11, NaN, Infinity, "3", null, {}, true],
  deadlineMs: [0, -1, 1.5, NaN, Infinity, 3_600_001, "60000", null, {}],
  permissiveIssuerKeys: [null, 5, "true", {}, []],
  acceptIssuerKey: [null, 5, "f", {}, []],
  fetch: [null, 5, "fetch", {}, [], { fetch() {} }],
};

for (const [option, values] of Object.entries(refused)) {
  test(`${option} that can't be`, () => {
    for (const value of values) {
      assert.throws(
        () => new Persona({ [option]: value }),
        (error) => {
          assert.ok(error instanceof TypeError && !(error instanceof PersonaError), `${String(value)}: ${error}`);
          assert.ok(error.message.startsWith(`${option} `), error.message);
          return true;
        },
        `${option}: ${typeof value === "bigint" ? value : JSON.stringify(value)}`,
      );
    }
  });
}

test("options that are no object", () => {
  for (const options of [null, 5, "persona_sandbox_x", true, () => {}]) assert.throws(() => new Persona(options), TypeError);
});

test("what is allowed", () => {
  for (const options of [
    undefined, {}, { apiKey: undefined, baseUrl: undefined, timeoutMs: undefined, maxRetries: undefined, deadlineMs: undefined, personaVersion: undefined, fetch: undefined },
    { baseUrl: "https://example.com" }, { baseUrl: "https://example.com:8443/a/" }, { baseUrl: "http://localhost:8080" }, { baseUrl: "http://127.0.0.1" }, { baseUrl: "http://[::1]:1" }, { baseUrl: "HTTPS://EXAMPLE.COM" },
    { timeoutMs: 1 }, { timeoutMs: 600_000 }, { maxRetries: 0 }, { maxRetries: 10 }, { deadlineMs: 1 }, { deadlineMs: 3_600_000 }, { personaVersion: "2025-10-27" }, { fetch: async () => {} }, { permissiveIssuerKeys: true, acceptIssuerKey() {} }, { unknown: 5 },
  ]) assert.ok(new Persona(options) instanceof Persona);
  assert.equal(library.default, Persona);
});

test("the default base URL is the production API", async () => {
  const { fetch, asked } = scriptedFetch(() => ({ status: 422 }));
  await failure(new Persona({ fetch }).relays.create({ claimType: CLAIM_TYPE }));
  assert.equal(asked[0].url, "https://api.withpersona.com/api/privacy/v1/relays");
});

test("the options are taken when the client is made, and the client can't be changed", async () => {
  const { fetch, asked } = scriptedFetch(() => ({ status: 422 }));
  const options = { fetch, baseUrl: "https://one.example.com" };
  const persona = new Persona(options);
  options.baseUrl = "https://two.example.com";
  options.fetch = () => assert.fail("the other fetch");
  assert.throws(() => void (persona.relays = {}), TypeError);
  assert.throws(() => void (persona.relays.create = () => {}), TypeError);
  await failure(persona.relays.create({ claimType: CLAIM_TYPE }));
  assert.equal(new URL(asked[0].url).host, "one.example.com");
});

test("without new", () => assert.throws(() => Persona({}), TypeError));
