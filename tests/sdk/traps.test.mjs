/** A trap ends the call that caused it and those in flight, and no later one; nothing reaches the process. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { CLAIM_TYPE, Persona, failure, library, libraryUrl, readyRelay, useSimulator } from "./support.mjs";

const simulator = await useSimulator();
const giant = "x".repeat(100_000_000);
const RELAY = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };

const trap = () => failure(async () => library.parseClaim(giant));

/** Runs trap_child.mjs; answers what it printed, and how it ended. */
function inChild(names) {
  const child = spawn(process.execPath, [fileURLToPath(new URL("trap_child.mjs", import.meta.url))], {
    env: { ...process.env, LIBRARY: libraryUrl, TRAPS: names.join(), NODE_TEST_CONTEXT: undefined },
    timeout: 20_000,
  });
  const output = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) child[stream].on("data", (data) => (output[stream] += data));
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, ...output })));
}

for (const name of ["sync", "header", "header at once", "parameter", "inside a fetch", "inside a fetch that makes light of it", "inside a header"]) {
  test(`a trap with calls in flight: ${name}`, async () => {
    const { code, signal, stdout, stderr } = await inChild([name]);
    assert.equal(stderr, "");
    assert.deepEqual({ code, signal }, { code: 0, signal: null });
    const { traps, strays } = JSON.parse(stdout);
    assert.deepEqual(strays, []);
    assert.deepEqual(traps[name], { own: "internal", waiting: ["internal", "internal"], settled: 5, after: ["ok", "ok", "ok"] });
  });
}

test("one trap after the other, in one process", async () => {
  const names = ["header", "sync", "inside a fetch", "header", "header at once", "sync"];
  const { code, stdout, stderr } = await inChild(names);
  assert.equal(stderr, "");
  assert.equal(code, 0);
  const { traps, strays } = JSON.parse(stdout);
  assert.deepEqual(strays, []);
  for (const name of names) assert.deepEqual([traps[name].own, ...traps[name].after], ["internal", "ok", "ok", "ok"], name);
});

test("the error of a trap", async () => {
  const error = await trap();
  assert.equal(error.code, "internal");
  assert.equal(error.statusCode, 500);
  assert.equal(error.origin, "internal");
  assert.match(error.details, /next call works/);
  assert.ok(error.cause instanceof WebAssembly.RuntimeError);
});

test("a thrown error of the caller's fetch is no trap: a call in flight goes on", async () => {
  let release;
  const waiting = new Persona({ fetch: () => new Promise((resolve) => (release = resolve)) }).relays.create({ claimType: CLAIM_TYPE });
  await failure(new Persona({ maxRetries: 0, fetch() { throw new RangeError("mine"); } }).relays.create({ claimType: CLAIM_TYPE }));
  release(new Response(JSON.stringify(RELAY)));
  assert.equal((await waiting).relayToken, "relay_x");
});

test("the module starts anew: the memory that a dead call held is there again", async () => {
  // 64 MiB take one such header, and not two; and a claim of 30 MB only where none is held.
  const large = "x".repeat(40_000_000);
  const fetch = () => ({ status: 200, headers: { get: () => large }, text: async () => "{}" });
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await failure(new Persona({ fetch, maxRetries: 0, timeoutMs: 500 }).relays.create({ claimType: CLAIM_TYPE }))).code, "internal");
    assert.equal((await failure(async () => library.parseClaim("x".repeat(30_000_000)))).code, "claim_invalid");
  }
});

test("whole flows between traps, with the same client", async () => {
  const persona = simulator.client();
  for (let round = 0; round < 5; round += 1) {
    const relay = await readyRelay(simulator);
    await trap();
    assert.equal((await persona.relays.generateClaim(relay)).tokenConsumed, true);
  }
});

test("a pass that a trap took the answer of is bought once, and a redemption is read again", async () => {
  const relay = await readyRelay(simulator);
  const { spent } = simulator.ledger();
  let trapped;
  const fault = async (exchange, next) => {
    const answer = await next();
    if (exchange.call === "redeem") trapped ??= await trap();
    return answer;
  };
  const { result: error } = await simulator.during(fault, () => failure(simulator.client({ timeoutMs: 1000 }).relays.generateClaim(relay)));
  assert.equal(error.code, "internal");
  assert.equal((await simulator.client().relays.generateClaim(relay)).tokenConsumed, true);
  assert.equal(simulator.ledger().spent.total, spent.total + 1);
});

test("what was blinded before a trap is finalized after it", async () => {
  const { relays } = simulator.client();
  const relay = await relays.create({ claimType: CLAIM_TYPE });
  const header = await fetch(`${simulator.url}/api/privacy/v1/relays/${relay.relayToken}/generate-claim`, {
    method: "POST", headers: { "content-type": "application/json", "persona-relay-secret": relay.relaySecret }, body: "{}",
  });
  const blinded = library.blindPrivacyPass({ wwwAuthenticate: header.headers.get("www-authenticate") });
  await trap();
  const bought = await fetch(`${simulator.url}/api/v1/privacy-passes`, {
    method: "POST",
    headers: { "content-type": "application/json", "key-inflection": "kebab", authorization: "Bearer persona_production_simulator", "idempotency-key": "once" },
    body: JSON.stringify({ "blinded-token": blinded.blindedToken, "key-id": blinded.keyId }),
  });
  const pass = library.finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig: (await bought.json())["blind-sig"] });
  simulator.complete(relay.relayToken, { result: "passed" });
  assert.equal((await relays.generateClaim({ ...relay, ...pass })).tokenConsumed, true);
});
