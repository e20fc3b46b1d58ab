/** The `fetch` option: how it is called, and what it may do wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInNewContext } from "node:vm";
import { CLAIM_TYPE, Persona, failure, readyRelay, scriptedFetch, useSimulator } from "./support.mjs";

const simulator = await useSimulator();
const RELAY = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };
const create = (fetch, options) => new Persona({ fetch, maxRetries: 0, ...options }).relays.create({ claimType: CLAIM_TYPE });
const answer = () => new Response(JSON.stringify(RELAY));
const duck = (more = {}) => ({ status: 200, headers: { get: () => null }, text: async () => JSON.stringify(RELAY), ...more });

test("it is called with a URL and an init that any fetch understands", async () => {
  let called;
  await create(function (...values) {
    called = { values, self: this };
    return Promise.resolve(answer());
  });
  assert.equal(called.self, undefined);
  assert.equal(called.values.length, 2);
  const [url, { signal, ...init }] = called.values;
  assert.equal(url, "https://api.withpersona.com/api/privacy/v1/relays");
  assert.ok(signal instanceof AbortSignal && !signal.aborted);
  assert.deepEqual(init, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", "key-inflection": "kebab" },
    body: JSON.stringify({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }),
    redirect: "manual",
  });
});

test("a whole flow through it; the runtime's own fetch is left alone", async () => {
  const urls = [];
  const own = (url, init) => (urls.push(url), fetch(url, init));
  const relay = await readyRelay({ ...simulator, client: (options) => simulator.client({ ...options, fetch: own }) });
  const kept = globalThis.fetch;
  globalThis.fetch = () => assert.fail("the global fetch was called");
  try {
    assert.equal((await simulator.client({ fetch: (url, init) => kept(url, init) }).relays.generateClaim(relay)).tokenConsumed, true);
  } finally {
    globalThis.fetch = kept;
  }
  assert.equal(urls.length, 3);
  assert.ok(urls.every((url) => typeof url === "string" && url.startsWith(simulator.url)));
});

test("without it the global fetch is called, the one there is at the time", async () => {
  const persona = new Persona({ maxRetries: 0 });
  const kept = globalThis.fetch;
  globalThis.fetch = async () => answer();
  try {
    assert.equal((await persona.relays.create({ claimType: CLAIM_TYPE })).relayToken, "relay_x");
  } finally {
    globalThis.fetch = kept;
  }
});

test("the signal is aborted when the time is up", async () => {
  let signal;
  const error = await failure(create((_, init) => ((signal = init.signal), new Promise(() => {})), { timeoutMs: 30 }));
  assert.equal(error.code, "timeout");
  assert.equal(signal.aborted, true);
});

const responses = {
  "a Response": answer,
  "a promise of one": async () => answer(),
  "a thenable": () => ({ then: (done) => done(answer()) }),
  "something like a Response": () => duck(),
  "a class of its own": () => new (class { status = 200; get headers() { return new Headers(); } async text() { return JSON.stringify(RELAY); } })(),
  "an object of another realm": () => runInNewContext(`({ status: 200, headers: { get: () => null }, text: async () => body })`, { body: JSON.stringify(RELAY) }),
  "headers that answer undefined": () => duck({ headers: new Map() }),
};
for (const [name, fetch] of Object.entries(responses)) {
  test(`it may answer ${name}`, async () => assert.equal((await create(fetch)).relayToken, "relay_x"));
}

const mistake = new Error("mine");
const throwing = (name) => Object.defineProperty(duck(), name, { get: () => { throw mistake; } });
/** What it does wrong, and the cause that the error has: `undefined` for any. */
const mistakes = {
  "it throws": [() => { throw mistake; }, mistake],
  "it rejects": [() => Promise.reject(mistake), mistake],
  "it rejects with a string": [() => Promise.reject("mine"), "mine"],
  "it rejects with nothing": [() => Promise.reject()],
  "its thenable throws": [() => ({ then() { throw mistake; } }), mistake],
  "it answers undefined": [() => undefined],
  "it answers a promise of undefined": [async () => undefined],
  "it answers null": [() => null],
  "it answers a number": [() => 5],
  "it answers {}": [() => ({})],
  "it has no status": [() => duck({ status: undefined })],
  "its status is a text": [() => duck({ status: "200" })],
  "it has no headers": [() => duck({ headers: undefined })],
  "headers.get throws": [() => duck({ headers: { get() { throw mistake; } } }), mistake],
  "reading headers throws": [() => throwing("headers"), mistake],
  "reading status throws": [() => throwing("status"), mistake],
  "it has no text": [() => duck({ text: undefined })],
  "text throws": [() => duck({ text() { throw mistake; } }), mistake],
  "text rejects": [() => duck({ text: () => Promise.reject(mistake) }), mistake],
  "text answers undefined": [() => duck({ text: () => undefined })],
  "text answers a promise of a number": [() => duck({ text: async () => 5 })],
};
for (const [name, [fetch, cause]] of Object.entries(mistakes)) {
  test(`${name}: transport_failed, and no other call is hurt`, async () => {
    let answerOther;
    const other = create(() => new Promise((resolve) => (answerOther = resolve)));
    other.catch(() => {});
    const error = await failure(create(fetch));
    answerOther?.(answer());
    assert.equal(error.code, "transport_failed");
    assert.equal(error.statusCode, 502);
    if (cause !== undefined) assert.equal(error.cause, cause);
    assert.equal((await other).relayToken, "relay_x");
  });
}

test("a text that comes without a promise is read or refused, no more", async () => {
  const outcome = await create(() => duck({ text: () => JSON.stringify(RELAY) })).then((relay) => relay.relayToken, (error) => error.code);
  assert.ok(["relay_x", "transport_failed"].includes(outcome), outcome);
});

test("what a fetch throws is tried again", async () => {
  let times = 0;
  const relay = await create(() => { times += 1; if (times < 3) throw mistake; return answer(); }, { maxRetries: 2 });
  assert.equal(relay.relayToken, "relay_x");
  assert.equal(times, 3);
});

test("a redirect that the runtime hides, as browsers do, is told as one", async () => {
  const error = await failure(create(() => duck({ status: 0, type: "opaqueredirect", text: async () => "" })));
  assert.equal(error.code, "upstream_redirected");
});

test("the init of a redemption has these headers and no other", async () => {
  const { fetch, asked } = scriptedFetch(() => ({ status: 422 }));
  await failure(new Persona({ fetch, apiKey: "persona_production_x", personaVersion: "2025-10-27" }).relays.generateClaim({ relayToken: "relay_x", relaySecret: "s", privacyPassToken: "cGFzcw" }));
  assert.deepEqual(Object.keys(asked[0].init.headers).sort(), ["accept", "authorization", "content-type", "idempotency-key", "key-inflection", "persona-relay-secret"]);
});
