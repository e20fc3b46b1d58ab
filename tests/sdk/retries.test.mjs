/** What is sent again, how often, and that a purchase is billed once and a pass spent once. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CLAIM_TYPE, failure, headersOf, readyRelay, useSimulator, useUpstream, Persona, sleep } from "./support.mjs";

const simulator = await useSimulator();

/** Writes bytes that are no whole answer, and breaks off. */
async function breakOff(response, headers, text) {
  response.writeHead(200, { "content-type": "application/json", ...headers });
  response.write(text);
  await sleep(20);
  response.socket?.resetAndDestroy();
  return null;
}
const raw = (response, text) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(text);
  return null;
};

/** The ways in which an answer gets lost. Each takes place after the call was carried out. */
const losses = {
  "the socket is reset": ({ response }) => (response.socket?.resetAndDestroy(), null),
  "the socket is closed": ({ response }) => (response.destroy(), null),
  "the body is cut off": ({ response }) => breakOff(response, { "content-length": "1000" }, '{"blind-sig":"'),
  "a chunked body is cut off": ({ response }) => breakOff(response, {}, '{"claim-payload":"'),
  "the JSON is malformed": ({ response }) => raw(response, '{"blind-sig":"AA",'),
  "the body is empty": ({ response }) => raw(response, ""),
  "the body is a web page": ({ response }) => raw(response, "<html>Welcome to the hotel's wireless network"),
  "the body is no object": ({ response }) => raw(response, "[]"),
  "the 200 lacks its members": () => ({ status: 200, body: {} }),
  "the members have other types": () => ({ status: 200, body: { blindSig: 5, claimPayload: {}, tokenConsumed: "yes" } }),
  "blind-sig is too short": () => ({ status: 200, body: { blindSig: "AAAA" } }),
  "it is a 204": () => ({ status: 204, body: {} }),
  ...Object.fromEntries([408, 425, 429, 500, 502, 503, 504, 599].map((status) => [`it is a ${status}`, () => ({ status, body: { errors: [] } })])),
};

/** A fault that happens to the first `times` requests of one call. */
function onFirst(times, call, loss, { carriedOut = true } = {}) {
  let left = times;
  return async (exchange, next) => {
    if (exchange.call !== call || left === 0) return next();
    left -= 1;
    if (carriedOut) await next();
    return loss(exchange);
  };
}

/** That all requests of a call were one and the same. */
function assertRepeated(requests, call, times) {
  const of = requests.filter((request) => request.call === call);
  assert.equal(of.length, times);
  const [first] = of;
  for (const request of of) {
    assert.equal(request.body, first.body);
    assert.equal(request.target, first.target);
    assert.deepEqual(headersOf(request), headersOf(first));
  }
  assert.match(headersOf(first)["idempotency-key"], /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
}

describe("a purchase whose answer is lost is repeated to the letter and billed once", () => {
  for (const [name, loss] of Object.entries(losses)) {
    test(name, async () => {
      const billed = simulator.ledger().billed.total;
      const { relays } = simulator.client();
      const { result, requests } = await simulator.during(onFirst(1, "purchase", loss), () => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }));
      assertRepeated(requests, "purchase", 2);
      assert.equal(requests.filter(({ call }) => call === "challenge").length, 1);
      assert.equal(simulator.ledger().billed.total, billed + 1);
      const relay = await relays.create({ claimType: CLAIM_TYPE });
      simulator.complete(relay.relayToken, { result: "passed" });
      assert.equal((await relays.generateClaim({ ...relay, ...result })).tokenConsumed, true);
    });
  }

  test("three times in a row", async () => {
    const billed = simulator.ledger().billed.total;
    const fault = onFirst(3, "purchase", losses["the socket is reset"]);
    const { requests } = await simulator.during(fault, () => simulator.client().relays.issuePrivacyPass({ claimType: CLAIM_TYPE }));
    assertRepeated(requests, "purchase", 4);
    assert.equal(simulator.ledger().billed.total, billed + 1);
  });

  test("two purchases are two: another blinded token, another key", async () => {
    const { requests } = await simulator.during(undefined, async () => {
      for (let n = 0; n < 2; n += 1) await simulator.client().relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
    });
    const [one, two] = requests.filter(({ call }) => call === "purchase");
    assert.notEqual(one.body, two.body);
    assert.notEqual(headersOf(one)["idempotency-key"], headersOf(two)["idempotency-key"]);
  });
});

describe("a redemption whose answer is lost is repeated to the letter and spends once", () => {
  for (const [name, loss] of Object.entries(losses)) {
    if (name.startsWith("blind-sig")) continue;
    test(name, async () => {
      const relay = await readyRelay(simulator);
      const { spent, replayed } = simulator.ledger();
      const { result, requests } = await simulator.during(onFirst(1, "redeem", loss), () => simulator.client().relays.generateClaim(relay));
      assertRepeated(requests, "redeem", 2);
      assert.equal(result.tokenConsumed, true);
      assert.equal(simulator.ledger().spent.total, spent.total + 1);
      assert.equal(simulator.ledger().replayed.redemptions, replayed.redemptions + 1);
    });
  }
});

test("create and challenge are repeated too", async () => {
  for (const call of ["create", "challenge", "relay-challenge"]) {
    const relay = await simulator.client().relays.create({ claimType: CLAIM_TYPE });
    const make = {
      create: (relays) => relays.create({ claimType: CLAIM_TYPE }),
      challenge: (relays) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }),
      "relay-challenge": (relays) => relays.issuePrivacyPass({ relayToken: relay.relayToken, relaySecret: relay.relaySecret }),
    }[call];
    const fault = onFirst(1, call, losses["the socket is reset"], { carriedOut: false });
    const { requests } = await simulator.during(fault, () => make(simulator.client().relays));
    assert.equal(requests.filter((request) => request.call === call).length, 2, call);
  }
});

test("the number of tries is 1 + maxRetries exactly", async () => {
  const tries = async (options) => {
    const upstream = await useUpstream(() => ({ status: 503 }));
    const error = await failure(new Persona({ baseUrl: upstream.url, ...options }).relays.create({ claimType: CLAIM_TYPE }));
    assert.equal(error.code, "upstream_unavailable");
    return upstream.requests.length;
  };
  assert.deepEqual(await Promise.all([{}, { maxRetries: 0 }, { maxRetries: 1 }, { maxRetries: 2 }, { maxRetries: 4 }].map(tries)), [4, 1, 2, 3, 5]);
});

/** How each call is made, so that it is the one that is answered. */
const calls = {
  create: (relays) => relays.create({ claimType: CLAIM_TYPE }),
  challenge: (relays) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }),
  "relay-challenge": (relays, relay) => relays.issuePrivacyPass({ relayToken: relay.relayToken, relaySecret: relay.relaySecret }),
  purchase: (relays) => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }),
  redeem: (relays, relay) => relays.generateClaim(relay),
};

test("what is definitive is not sent again", async (t) => {
  const relay = await readyRelay(simulator);
  for (const [call, make] of Object.entries(calls)) {
    for (const status of [400, 401, 402, 403, 404, 405, 409, 410, 413, 415, 422]) {
      if (call === "redeem" && status === 403) continue;
      await t.test(`${status} on ${call}`, async () => {
        const fault = (exchange, next) => (exchange.call === call ? { status, body: {} } : next());
        const { result: error, requests } = await simulator.during(fault, () => failure(make(simulator.client().relays, relay)));
        assert.equal(requests.filter((request) => request.call === call).length, 1);
        assert.equal(requests.at(-1).call, call);
        // The 401 of the relay form is the protocol; this one carries no challenge.
        const bare = call === "relay-challenge" && status === 401;
        assert.equal(error.statusCode, bare ? 502 : status);
        if (bare) assert.equal(error.code, "challenge_invalid");
      });
    }
  }
});

test("a 403 on redemption is tried again under the same key, and told as claim_not_ready", async () => {
  const relay = await readyRelay(simulator);
  const fault = (exchange, next) => (exchange.call === "redeem" ? { status: 403, body: {} } : next());
  const { result: error, requests } = await simulator.during(fault, () => failure(simulator.client({ maxRetries: 2 }).relays.generateClaim(relay)));
  assertRepeated(requests, "redeem", 3);
  assert.equal(error.statusCode, 403);
  assert.equal(error.code, "claim_not_ready");
  assert.equal((await simulator.client().relays.generateClaim(relay)).tokenConsumed, true);
});

test("a verification that completes between two tries is waited for", async () => {
  const { relays } = simulator.client();
  const relay = await relays.create({ claimType: CLAIM_TYPE });
  const pass = await relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
  const fault = async (exchange, next) => {
    const answer = await next();
    if (answer.status === 403) simulator.complete(relay.relayToken, { result: "passed" });
    return answer;
  };
  const { result, requests } = await simulator.during(fault, () => relays.generateClaim({ ...relay, ...pass }));
  assert.equal(result.tokenConsumed, true);
  assertRepeated(requests, "redeem", 2);
});
