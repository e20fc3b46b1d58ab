/** `new Persona(options)`: what no call could work with is a TypeError that names the option. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import { CLAIM_TYPE, PRODUCTION_KEY, PURCHASE_PATH, Persona, PersonaError, challengeForms, failure, library, libraryUrl, offer, scriptedFetch } from "./support.mjs";

const { MemoryStore } = await import(new URL("stores.js", libraryUrl).href);

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

/** The ways in which an object can have an option: all are as good. */
const waysToHave = {
  "an option of its own": (options) => options,
  "an inherited one": (options) => Object.create(options),
  "a getter of a class": (options) => {
    class Config {}
    for (const [name, value] of Object.entries(options)) Object.defineProperty(Config.prototype, name, { get: () => value });
    return new Config();
  },
  "one that is not enumerable": (options) =>
    Object.defineProperties({}, Object.fromEntries(Object.entries(options).map(([name, value]) => [name, { value }]))),
};

for (const [option, values] of Object.entries(refused)) {
  test(`${option} that can't be`, () => {
    for (const value of values) {
      for (const [way, having] of Object.entries(waysToHave)) {
        assert.throws(
          () => new Persona(having({ [option]: value })),
          (error) => {
            assert.ok(error instanceof TypeError && !(error instanceof PersonaError), `${String(value)}: ${error}`);
            assert.ok(error.message.startsWith(`${option} `), error.message);
            return true;
          },
          `${option}, ${way}: ${typeof value === "bigint" ? value : JSON.stringify(value)}`,
        );
      }
    }
  });
}

test("these are the options of index.d.ts", () => {
  const [, members] = /export interface PersonaOptions \{(.*?)^\}/ms.exec(readFileSync(new URL("../../js/index.d.ts", import.meta.url), "utf8"));
  const names = [...members.matchAll(/^ {2}(\w+)\?:/gm)].map(([, name]) => name);
  assert.deepEqual(Object.keys(refused).sort(), names.sort());
});

for (const [way, having] of Object.entries(waysToHave)) {
  test(`${way} is taken as it was checked: nothing goes elsewhere, and the API key least of all`, async () => {
    const { fetch, asked } = scriptedFetch((path) => (path === PURCHASE_PATH ? { status: 422 } : challengeForms["by claim type"].answer(offer())));
    const accepted = mock.fn();
    const options = { fetch, baseUrl: "https://one.example.com", apiKey: PRODUCTION_KEY, personaVersion: "2026-01-01", acceptIssuerKey: accepted };
    const ledger = new library.RelayLedger(having({ ...options, store: new MemoryStore(), idempotencySecret: "0123456789abcdef" }));
    for (const client of [new Persona(having(options)).relays, ledger]) {
      asked.length = 0;
      await failure(client.issuePrivacyPass({ claimType: CLAIM_TYPE, idempotencyKey: "key" }));
      assert.deepEqual(asked.map(({ url }) => new URL(url).host), ["one.example.com", "one.example.com"]);
      const headers = new Headers(asked[1].init.headers);
      assert.deepEqual([headers.get("authorization"), headers.get("persona-version")], [`Bearer ${PRODUCTION_KEY}`, "2026-01-01"]);
    }
    assert.equal(accepted.mock.callCount(), 2);
    // What a record's names and the environment follow from is read in the same way.
    assert.throws(() => new library.RelayLedger(having({ store: new MemoryStore(), retentionSeconds: NaN })), /^TypeError: retentionSeconds /);
  });
}

test("each option is read once, and what a getter throws is thrown", () => {
  const reads = new Map();
  const get = (target, name) => (reads.set(name, (reads.get(name) ?? 0) + 1), target[name]);
  const counted = (options) => new Proxy(options, { get });
  new Persona(counted({ baseUrl: "https://one.example.com" }));
  assert.deepEqual([...reads].sort(), Object.keys(refused).map((name) => [name, 1]).sort());
  const mine = new Error("mine");
  const throwing = Object.defineProperty({}, "baseUrl", { get: () => { throw mine; } });
  assert.throws(() => new Persona(throwing), mine);
});

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

test("the options are taken when the client is made, and the client shows none of them", async () => {
  const { fetch, asked } = scriptedFetch(() => ({ status: 422 }));
  const options = { fetch, baseUrl: "https://one.example.com" };
  const persona = new Persona(options);
  options.baseUrl = "https://two.example.com";
  options.fetch = () => assert.fail("the other fetch");
  await failure(persona.relays.create({ claimType: CLAIM_TYPE }));
  assert.equal(new URL(asked[0].url).host, "one.example.com");
  assert.deepEqual([Reflect.ownKeys(persona), Reflect.ownKeys(persona.relays)], [["relays"], ["create", "issuePrivacyPass", "issuerKey", "generateClaim"]]);
});

/** A client whose requests are answered with 422. */
const refusing = (Client = Persona) => new Client(scriptedFetch(() => ({ status: 422 })));
const create = (client) => client.relays.create({ claimType: CLAIM_TYPE });

test("tests can put a stub in place of a call, and take it away", async () => {
  const persona = refusing();
  const stub = mock.method(persona.relays, "create", async () => "stubbed");
  assert.equal(await create(persona), "stubbed");
  stub.mock.restore();
  assert.equal((await failure(create(persona))).statusCode, 422);
  persona.relays.create = async () => "assigned";
  assert.equal(await create(persona), "assigned");
  persona.relays = { create: async () => "another" };
  assert.equal(await create(persona), "another");
  assert.equal((await failure(create(refusing()))).statusCode, 422, "a stub is of one client only");
});

test("a subclass has members of its own", async () => {
  class Counting extends Persona {
    calls = 0;
    constructor(options) {
      super(options);
      const { create } = this.relays;
      this.relays.create = (params) => ((this.calls += 1), create(params));
    }
  }
  const persona = refusing(Counting);
  assert.equal((await failure(create(persona))).statusCode, 422);
  assert.equal(persona.calls, 1);
  class Named extends library.RelayLedger {
    name = "books";
  }
  assert.equal(new Named({ store: new MemoryStore() }).name, "books");
});

test("a Proxy around a client calls it and may answer something else; around a ledger it has to bind the methods", async () => {
  const persona = refusing();
  assert.equal((await failure(create(new Proxy(persona, {})))).statusCode, 422);
  const wrapping = { get: (target, name) => (typeof target[name] === "object" ? new Proxy(target[name], wrapping) : async () => `wrapped ${name}`) };
  assert.equal(await create(new Proxy(persona, wrapping)), "wrapped create");

  const ledger = new library.RelayLedger({ store: new MemoryStore() });
  const binding = new Proxy(ledger, { get: (target, name) => target[name].bind(target) });
  assert.equal((await binding.reconcile()).records, 0);
  // Its fields are private.
  await assert.rejects(new Proxy(ledger, {}).reconcile(), TypeError);
});

test("without new", () => assert.throws(() => Persona({}), TypeError));
