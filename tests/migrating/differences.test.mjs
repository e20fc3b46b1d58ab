/** "What differs" in docs/migrating.md: each row is one of the tests below. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { transformSync } from "esbuild";
import { inRoot } from "../../scripts/lib/program.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { Persona, PersonaError } from "../../pkg/node.js";
import { startGateway } from "../support/gateway.mjs";
import { startScriptedUpstream } from "../support/scripted_upstream.mjs";
import { managedSecrets, send } from "../worker/support.mjs";
import { rows } from "./page.mjs";
import { ALL_TRIES, PRODUCTION_KEY, SANDBOX_KEY, books, execute } from "./support.mjs";
import { Persona as VendorPersona } from "./vendor/sdk-node/index.mjs";

const claimType = "age_over18_italy";
const simulator = await startSimulator();
after(() => simulator.close());
const secrets = managedSecrets();
const passThrough = await startGateway({ upstream: simulator.url });
after(() => passThrough.close());
const managed = await startGateway({ upstream: simulator.url, bindings: secrets.bindings });
after(() => managed.close());
const options = { apiKey: PRODUCTION_KEY, baseUrl: simulator.url };
const ours = new Persona(options).relays;
const vendor = new VendorPersona(options).relays;

async function failure(promise) {
  return promise.then(() => assert.fail("it did not fail"), (error) => error);
}

/** A relay that is not completed, and a pass. */
async function open(relays) {
  const { relayToken, relaySecret } = await relays.create({ claimType, encryptionKeyPem: null });
  return { relayToken, relaySecret, ...(await relays.issuePrivacyPass({ claimType })) };
}

const redeem = (gateway, { relayToken, relaySecret, privacyPassToken }, more = {}) =>
  send(`${gateway.url}/relays/${relayToken}/redeem`, { secret: relaySecret, body: { "privacy-pass-token": privacyPassToken }, ...more });

/** Loads entries of the package, each file compiled to CommonJS by itself. @returns the files, and what the entries export */
async function loadAsCommonJs(entries) {
  const { exports: map } = JSON.parse(readFileSync(inRoot("pkg/package.json"), "utf8"));
  const modules = new Map();
  const load = (name) => {
    if (modules.has(name)) return modules.get(name).exports;
    const module = { exports: {} };
    modules.set(name, module);
    const { code } = transformSync(readFileSync(inRoot("pkg", name), "utf8"), { format: "cjs", target: "es2022", supported: { "top-level-await": false }, logOverride: { "empty-import-meta": "error" } });
    new Function("module", "exports", "require", code)(module, module.exports, (other) => load(other.replace("./", "")));
    return module.exports;
  };
  const loaded = entries.map((entry) => [entry, load(map[entry.replace("relay-edge", ".")].default.replace("./", ""))]);
  return [[...modules.keys()], Object.fromEntries(loaded)];
}

const differences = {
  async sandbox() {
    const { billed } = books(simulator);
    const sdk = new Persona({ ...options, apiKey: SANDBOX_KEY }).relays;
    const buy = (body) => send(`${passThrough.url}/relays/privacy-passes`, { bearer: SANDBOX_KEY, body });
    assert.equal((await failure(sdk.issuePrivacyPass({ claimType, sandbox: false }))).statusCode, 422);
    assert.equal((await buy({ "claim-type": claimType, sandbox: false })).status, 422);
    assert.equal(books(simulator).billed, billed);
    await sdk.issuePrivacyPass({ claimType });
    assert.equal((await buy({ "claim-type": claimType })).status, 200);
    await new VendorPersona({ ...options, apiKey: SANDBOX_KEY }).relays.issuePrivacyPass({ claimType });
    assert.equal(books(simulator).billed, billed + 3);
    // A purchase for a relay finds it out by itself.
    await sdk.issuePrivacyPass(await sdk.create({ claimType }).then(({ relayToken, relaySecret }) => ({ relayToken, relaySecret })));
  },

  async codes() {
    const upstream = await startScriptedUpstream(() => ({ status: 404, body: { errors: [{ title: "Nothing here" }] } }));
    try {
      const [there, here] = await Promise.all([VendorPersona, Persona].map((Client) => failure(new Client({ baseUrl: upstream.url }).relays.create({ claimType, encryptionKeyPem: null }))));
      assert.deepEqual([there.statusCode, there.title, there.code], [404, "Nothing here", undefined]);
      assert.deepEqual([here.statusCode, here.title, here.code], [404, "Nothing here", "upstream_not_found"]);
    } finally {
      await upstream.close();
    }
  },

  /** Jest itself is not among the tools here: what the row rests on is. */
  async Jest() {
    // Where `require` takes no ES modules, which is what Jest's is like.
    const require = ["--no-experimental-require-module", "-e", "require(process.argv[1])", inRoot("pkg/node.cjs")];
    const { code, stderr } = await execute(process.execPath, require);
    assert.equal(code, 1);
    assert.match(stderr, /ERR_REQUIRE_ESM/);
    // Each file by itself, as a transform of Jest's does it; and no file but these is needed.
    const [compiled, loaded] = await loadAsCommonJs(["relay-edge/inline", "relay-edge/stores"]);
    const { Persona: Compiled, PersonaError: CompiledError, RelayLedger, default: byDefault } = loaded["relay-edge/inline"];
    assert.equal(byDefault, Compiled);
    await assert.rejects(new Compiled().relays.create({}), CompiledError);
    const ledger = new RelayLedger({ ...options, store: new loaded["relay-edge/stores"].MemoryStore() });
    assert.ok((await ledger.issuePrivacyPass({ claimType, idempotencyKey: "of Jest" })).privacyPassToken);
    assert.ok(!compiled.includes("node.js") && compiled.includes("ledger.js"), compiled.join());
    const row = rows("What differs").find(([what]) => what === "Jest")[1];
    const [from, to] = /moduleNameMapper: \{ '\^(.+)\$': '(.+)' \}/.exec(row).slice(1);
    assert.deepEqual([from, to], ["relay-edge", "relay-edge/inline"]);
    const ignored = new RegExp(/transformIgnorePatterns: \['(.+?)'\]/.exec(row)[1]);
    assert.deepEqual(["/x/node_modules/relay-edge/inline.js", "/x/node_modules/other/index.js"].map((file) => ignored.test(file)), [false, true]);
  },

  async "not ready"() {
    assert.equal((await failure(vendor.generateClaim(await open(vendor)))).statusCode, 403);
    const flight = await open(ours);
    const { statusCode, code } = await failure(ours.generateClaim(flight));
    assert.deepEqual([statusCode, code], [403, "claim_not_ready"]);
    for (const answer of [await redeem(passThrough, flight), await redeem(managed, flight, { bearer: secrets.shop })]) {
      assert.deepEqual([answer.status, answer.error.code], [409, "claim_not_ready"]);
      assert.match(answer.headers.get("retry-after"), /^\d+$/);
    }
  },

  async "Persona is down"() {
    for (const status of [500, 503, 504]) {
      simulator.faults.set([{ call: "create", fault: "500-before", status, times: 2 * ALL_TRIES }]);
      assert.equal((await send(`${passThrough.url}/relays`, { body: { "claim-type": claimType, "encryption-key-pem": null } })).status, 502);
      assert.equal((await failure(ours.create({ claimType }))).statusCode, status);
    }
    simulator.faults.clear();
  },

  async headers() {
    const plain = { body: JSON.stringify({ "claim-type": claimType, "encryption-key-pem": null }), headers: { "content-type": "text/plain" } };
    assert.equal((await send(`${passThrough.url}/relays`, plain)).status, 415);
    const refused = await redeem(passThrough, { relayToken: "relay_x", relaySecret: "s", privacyPassToken: "cGFzcw" });
    assert.equal(refused.status, 404);
    assert.match(refused.headers.get("request-id"), /^\S{8,}$/);
  },

  async "who may call"() {
    const create = (more) => send(`${managed.url}/relays`, { body: { "claim-type": claimType, "encryption-key-pem": null }, ...more });
    assert.equal((await create({})).status, 401);
    assert.equal((await create({ bearer: PRODUCTION_KEY })).status, 401);
    const made = await create({ bearer: secrets.shop });
    const { "relay-token": relayToken, "relay-secret": relaySecret } = made.body;
    const { privacyPassToken } = await ours.issuePrivacyPass({ claimType });
    simulator.complete(relayToken, { result: "passed" });
    assert.equal((await redeem(managed, { relayToken, relaySecret, privacyPassToken }, { bearer: secrets.bank })).status, 404);
    assert.equal((await redeem(managed, { relayToken, relaySecret, privacyPassToken }, { bearer: secrets.shop })).status, 200);
  },

  async durability() {
    const buy = (body) => send(`${passThrough.url}/relays/privacy-passes`, { bearer: PRODUCTION_KEY, body });
    const calls = {
      vendor: () => vendor.issuePrivacyPass({ claimType }),
      ours: () => ours.issuePrivacyPass({ claimType }),
      gateway: () => buy({ "claim-type": claimType }).then(({ status, text }) => assert.equal(status, 200, text)),
    };
    for (const call of Object.values(calls)) {
      const { billed } = books(simulator);
      simulator.faults.set([{ call: "purchase", fault: "500-after", times: ALL_TRIES }]);
      await assert.rejects(call());
      simulator.faults.clear();
      await call();
      assert.equal(books(simulator).billed, billed + 2);
    }
  },

  async members() {
    const before = simulator.requests().length;
    for (const body of [`{"claim-type":"${claimType}","encryption-key-pem":null,"note":1}`, `{"note":1,"claim-type":"${claimType}","note":2}`]) {
      const { status, error } = await send(`${passThrough.url}/relays`, { body });
      assert.deepEqual([status, error.details.split(" ")[0]], [400, "note"]);
    }
    const twice = await send(`${passThrough.url}/relays`, { body: `{"claim-type":"${claimType}","encryption-key-pem":null,"claim-type":"${claimType}"}` });
    assert.deepEqual([twice.status, twice.error.details], [400, "claim-type is there twice"]);
    assert.equal(simulator.requests().length, before);
  },

  async "bad input"() {
    assert.throws(() => new Persona({ timeoutMs: 0 }), TypeError);
    const before = simulator.requests().length;
    const error = await failure(ours.create({ claimType: "" }));
    assert.ok(error instanceof PersonaError);
    assert.deepEqual([error.statusCode, error.field], [400, "claimType"]);
    assert.equal(simulator.requests().length, before);
  },
};

test("the page lists these differences and no others", () => {
  assert.deepEqual(rows("What differs").map(([what]) => what), Object.keys(differences));
});

for (const [what, check] of Object.entries(differences)) test(what, check);
