/** What goes over the wire, to the letter, and to whom: nothing names the platform but on the purchase. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_TYPE, PRODUCTION_KEY, Persona, failure, headersOf, readyRelay, useSimulator, useUpstream } from "./support.mjs";

const simulator = await useSimulator();
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const COMMON = { "content-type": "application/json", accept: "application/json", "key-inflection": "kebab" };

/** A whole flow in both challenge forms, as it was on the wire. */
async function record(options) {
  const { result, requests } = await simulator.during(undefined, async () => {
    const { relays } = simulator.client(options);
    const relay = await relays.create({ claimType: CLAIM_TYPE, sandbox: false });
    const { relayToken, relaySecret } = relay;
    await relays.issuePrivacyPass({ relayToken, relaySecret });
    const pass = await relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
    simulator.complete(relayToken, { result: "passed" });
    await relays.generateClaim({ relayToken, relaySecret, ...pass });
    return { relayToken, relaySecret, ...pass };
  });
  return { ...result, requests, of: (call) => requests.filter((request) => request.call === call).at(-1) };
}

/** The headers that the caller of fetch set: what a bare fetch to the same server has as well is the runtime's. */
async function ownHeaders(request) {
  const { requests } = await simulator.during(undefined, () => fetch(`${simulator.url}/bare`, { method: "POST", body: "{}" }).then((answer) => answer.text()));
  const bare = headersOf(requests.at(-1));
  const names = request.rawHeaders.map(([name]) => name.toLowerCase());
  assert.equal(new Set(names).size, names.length, "a header came twice");
  return Object.fromEntries(Object.entries(headersOf(request)).filter(([name, value]) => name !== "content-length" && bare[name] !== value));
}

test("each call carries exactly its headers and its body", async () => {
  const { relaySecret, relayToken, privacyPassToken, of } = await record({ personaVersion: "2025-10-27" });
  const expected = {
    create: [{}, { "claim-type": CLAIM_TYPE, "encryption-key-pem": null }, "/api/privacy/v1/relays"],
    challenge: [{}, { "claim-type": CLAIM_TYPE }, "/api/privacy/v1/relays/challenge"],
    "relay-challenge": [{ "persona-relay-secret": relaySecret }, {}, `/api/privacy/v1/relays/${relayToken}/generate-claim`],
    purchase: [{ authorization: `Bearer ${PRODUCTION_KEY}`, "idempotency-key": UUID, "persona-version": "2025-10-27" }, undefined, "/api/v1/privacy-passes"],
    redeem: [
      { authorization: `PrivateToken token=${privacyPassToken}`, "persona-relay-secret": relaySecret, "idempotency-key": UUID },
      {},
      `/api/privacy/v1/relays/${relayToken}/generate-claim`,
    ],
  };
  for (const [call, [headers, body, path]] of Object.entries(expected)) {
    const request = of(call);
    const { "idempotency-key": key, ...own } = await ownHeaders(request);
    const { "idempotency-key": keyShape, ...rest } = headers;
    assert.deepEqual(own, { ...COMMON, ...rest }, call);
    if (keyShape) assert.match(key, keyShape, call);
    else assert.equal(key, undefined, call);
    if (body) assert.deepEqual(JSON.parse(request.body), body, call);
    else assert.deepEqual(Object.keys(JSON.parse(request.body)).sort(), ["blinded-token", "key-id"]);
    assert.equal(request.method, "POST");
    assert.equal(request.target, path);
  }
});

test("without personaVersion no call carries one; sandbox is sent when asked for", async () => {
  const { requests } = await record({});
  assert.ok(requests.every((request) => !("persona-version" in headersOf(request))));
  const { requests: sandboxed } = await simulator.during(undefined, async () => {
    const { relays } = simulator.client({ apiKey: "persona_sandbox_simulator" });
    await relays.create({ claimType: CLAIM_TYPE, sandbox: true });
    await relays.issuePrivacyPass({ claimType: CLAIM_TYPE, sandbox: true });
  });
  for (const call of ["create", "challenge"]) assert.equal(JSON.parse(sandboxed.find((request) => request.call === call).body).sandbox, true, call);
});

test("the API key is on the purchase and nowhere else; nothing joins purchase and redemption", async () => {
  const { requests, of, relayToken, relaySecret } = await record({ personaVersion: "2025-10-27" });
  for (const request of requests) {
    const has = JSON.stringify(request).includes(PRODUCTION_KEY) || /bearer/i.test(JSON.stringify(request.rawHeaders));
    assert.equal(has, request.call === "purchase", request.call);
  }
  const purchase = of("purchase");
  assert.notEqual(headersOf(purchase)["idempotency-key"], headersOf(of("redeem"))["idempotency-key"]);
  assert.ok(![relayToken, relaySecret].some((name) => JSON.stringify(purchase).includes(name)), "the purchase names the relay");
});

const calls = {
  create: (relays) => relays.create({ claimType: CLAIM_TYPE }),
  challenge: (relays) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }),
  "relay-challenge": (relays, { relayToken, relaySecret }) => relays.issuePrivacyPass({ relayToken, relaySecret }),
  purchase: (relays) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }),
  redeem: (relays, relay) => relays.generateClaim(relay),
};

test("redirects are never followed", async (t) => {
  const target = await useUpstream(() => ({ body: {} }));
  const relay = await readyRelay(simulator);
  for (const [call, make] of Object.entries(calls)) {
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [`${target.url}/elsewhere`, "/api/elsewhere"]) {
        await t.test(`${status} on ${call} to ${location.startsWith("/") ? "the same host" : "another host"}`, async () => {
          const fault = (exchange, next) => (exchange.call === call ? { status, headers: { Location: location }, body: {} } : next());
          const { result: error, requests } = await simulator.during(fault, () => failure(make(simulator.client().relays, relay)));
          assert.equal(error.code, "upstream_redirected");
          assert.equal(error.statusCode, status);
          assert.equal(requests.at(-1).call, call);
          assert.equal(requests.filter((request) => request.call === call).length, 1);
          assert.equal(target.requests.length, 0);
        });
      }
    }
  }
});

test("a base URL with a path keeps it, with or without a slash at its end", async () => {
  const upstream = await useUpstream(() => ({ status: 422 }));
  for (const path of ["", "/", "/a/b", "/a/b/"]) {
    await failure(new Persona({ baseUrl: upstream.url + path }).relays.create({ claimType: CLAIM_TYPE }));
    assert.equal(upstream.requests.at(-1).path, `${path.replace(/\/$/, "")}/api/privacy/v1/relays`);
  }
});

test("a relay token with characters that it can't have never reaches the network", async () => {
  const upstream = await useUpstream(() => ({ status: 422 }));
  const { relays } = new Persona({ baseUrl: upstream.url, apiKey: PRODUCTION_KEY });
  const bad = ["", ".", "..", "../../v1/privacy-passes", "relay_x/../y", "relay_x/", "a?b", "a#b", "a%2fb", "a%2e", "a\\b", "a b", " a", "a\n", "a\0", "a;b", "a:b", "a@b", "é", "a".repeat(129)];
  for (const relayToken of [...bad, 5, null, {}, ["relay_x"], true]) {
    for (const make of [() => relays.issuePrivacyPass({ relayToken, relaySecret: "s" }), () => relays.generateClaim({ relayToken, relaySecret: "s", privacyPassToken: "cGFzcw" })]) {
      const error = await failure(make);
      assert.equal(error.code, "parameter_invalid");
      // In issuePrivacyPass, null is as good as nothing: then the claim type is what is missing.
      assert.equal(error.field, relayToken === null && /issue/.test(String(make)) ? "claimType" : "relayToken", JSON.stringify(relayToken));
    }
  }
  assert.equal(upstream.requests.length, 0);
});
