/** How long is waited: Retry-After, time limits, the deadline, and no answer at all. */
import assert from "node:assert/strict";
import net from "node:net";
import { performance } from "node:perf_hooks";
import { describe, test } from "node:test";
import { CLAIM_TYPE, Persona, failure, sleep, useSimulator, useUpstream } from "./support.mjs";

const RELAY = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };
const create = (url, options) => new Persona({ baseUrl: url, ...options }).relays.create({ claimType: CLAIM_TYPE });

/** Refuses once, then answers; tells how long the client waited between. */
async function waitAfter(first, options) {
  const at = [];
  const upstream = await useUpstream(() => {
    at.push(performance.now());
    return at.length === 1 ? (typeof first === "function" ? first() : first) : { body: RELAY };
  });
  await create(upstream.url, options);
  assert.equal(at.length, 2);
  return at[1] - at[0];
}

const timed = async (work) => {
  const start = performance.now();
  const result = await work();
  return { result, ms: performance.now() - start };
};
const httpDate = (seconds) => new Date((Math.floor(Date.now() / 1000) + seconds) * 1000).toUTCString();

describe("Retry-After", { concurrency: true }, () => {
  const waits = {
    "a number, on a 429": [{ status: 429, headers: { "retry-after": "1" } }, 990, 1600],
    "a number, on a 503": [{ status: 503, headers: { "retry-after": "1" } }, 990, 1600],
    "an HTTP-date": [() => ({ status: 429, headers: { "retry-after": httpDate(2) } }), 990, 2600],
    "an HTTP-date that is past": [() => ({ status: 503, headers: { "retry-after": httpDate(-60) } }), 45, 600],
    "RateLimit-Reset on a 429": [{ status: 429, headers: { "ratelimit-reset": "1" } }, 990, 1600],
    "Retry-After before RateLimit-Reset": [{ status: 429, headers: { "retry-after": "0", "ratelimit-reset": "20" } }, 45, 600],
    "RateLimit-Reset says nothing on a 503": [{ status: 503, headers: { "ratelimit-reset": "20" } }, 45, 600],
    "no time at all": [{ status: 429, headers: { "retry-after": "soon" } }, 45, 600],
    "0 does not mean at once": [{ status: 429, headers: { "retry-after": "0" } }, 45, 600],
  };
  for (const [name, [first, least, most]] of Object.entries(waits)) {
    test(name, async () => {
      const ms = await waitAfter(first);
      assert.ok(ms >= least && ms < most, `waited ${ms} ms`);
    });
  }

  const refusals = {
    "31 s": ["31", {}, (seconds) => seconds === 31],
    "an hour": ["3600", {}, (seconds) => seconds === 3600],
    "more than a number holds": ["99999999999999999999999", {}, (seconds) => seconds > 1e15],
    "a date in a minute": [() => httpDate(60), {}, (seconds) => seconds >= 58 && seconds <= 60],
    "more than the deadline leaves": ["2", { deadlineMs: 1500 }, (seconds) => seconds === 2],
  };
  for (const [name, [retryAfter, options, right]] of Object.entries(refusals)) {
    test(`${name} is the caller's to wait for: an error at once`, async () => {
      const upstream = await useUpstream(() => ({ status: 429, headers: { "retry-after": typeof retryAfter === "function" ? retryAfter() : retryAfter } }));
      const { result: error, ms } = await timed(() => failure(create(upstream.url, options)));
      assert.equal(error.code, "upstream_rate_limited");
      assert.equal(error.statusCode, 429);
      assert.ok(right(error.retryAfter), `retryAfter is ${error.retryAfter}`);
      assert.equal(upstream.requests.length, 1);
      assert.ok(ms < 800, `it took ${ms} ms`);
    });
  }
});

test("the waits double from between 50 and 100 ms", async () => {
  const at = [];
  const upstream = await useUpstream(() => (at.push(performance.now()), { status: 500 }));
  await failure(create(upstream.url));
  const waits = at.slice(1).map((time, index) => time - at[index]);
  assert.equal(waits.length, 3);
  for (const [index, least] of [49, 99, 199].entries()) assert.ok(waits[index] >= least && waits[index] < 2 * least + 250, `${waits}`);
});

describe("timeoutMs", { concurrency: true }, () => {
  const silences = {
    "a server that takes the request and never answers": () => "hang",
    "a server that hangs after the headers": () => (response) => (response.writeHead(200, { "content-length": "100" }), response.flushHeaders()),
    "a server that hangs within the body": () => (response) => (response.writeHead(200), response.write('{"relay-token":')),
  };
  for (const [name, react] of Object.entries(silences)) {
    test(name, async () => {
      const upstream = await useUpstream(react);
      const { result: error, ms } = await timed(() => failure(create(upstream.url, { timeoutMs: 150, maxRetries: 1 })));
      assert.equal(error.statusCode, 504);
      assert.equal(error.code, "timeout");
      assert.equal(error.origin, "transport");
      assert.equal(upstream.requests.length, 2);
      assert.ok(ms >= 340 && ms < 1200, `it took ${ms} ms`);
    });
  }

  test("the request that took too long is given up: its connection is closed", async () => {
    let closed;
    const gone = new Promise((resolve) => (closed = resolve));
    const upstream = await useUpstream(() => (response) => void response.on("close", closed));
    await failure(create(upstream.url, { timeoutMs: 100, maxRetries: 0 }));
    assert.equal(await Promise.race([gone.then(() => "closed"), sleep(900).then(() => "still open")]), "closed");
  });

  test("an answer that drips in is timed as a whole", async () => {
    const upstream = await useUpstream(() => (response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(" "), 40);
      response.on("close", () => clearInterval(drip));
    });
    const { result: error, ms } = await timed(() => failure(create(upstream.url, { timeoutMs: 200, maxRetries: 0 })));
    assert.equal(error.code, "timeout");
    assert.ok(ms < 900, `it took ${ms} ms`);
  });
});

describe("deadlineMs ends all tries", { concurrency: true }, () => {
  test("between tries", async () => {
    const upstream = await useUpstream(() => ({ status: 500 }));
    const { result: error, ms } = await timed(() => failure(create(upstream.url, { maxRetries: 10, deadlineMs: 400 })));
    assert.equal(error.code, "upstream_unavailable");
    assert.ok(upstream.requests.length >= 2 && upstream.requests.length <= 4, `${upstream.requests.length} tries`);
    assert.ok(ms < 700, `it took ${ms} ms`);
  });

  test("within a try", async () => {
    const upstream = await useUpstream(() => "hang");
    const { result: error, ms } = await timed(() => failure(create(upstream.url, { deadlineMs: 250 })));
    assert.equal(error.code, "timeout");
    assert.equal(upstream.requests.length, 1);
    assert.ok(ms >= 240 && ms < 900, `it took ${ms} ms`);
  });

  test("over the challenge and the purchase together", async () => {
    const simulator = await useSimulator();
    // The issuer key is made at its first use.
    await simulator.issuerKey({ claimType: CLAIM_TYPE });
    const slow = async (exchange, next) => {
      if (exchange.call === "purchase") return null;
      await sleep(350);
      return next();
    };
    const buy = () => failure(simulator.client({ deadlineMs: 600 }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE }));
    const { result, requests } = await simulator.during(slow, () => timed(buy));
    assert.equal(result.result.code, "timeout");
    assert.deepEqual(requests.map(({ call }) => call), ["challenge", "purchase"]);
    assert.ok(result.ms >= 580 && result.ms < 900, `it took ${result.ms} ms`);
  });

  test("a challenge that takes all the time is not paid for", async () => {
    const simulator = await useSimulator();
    const slow = async (_, next) => (await sleep(400), next());
    const buy = () => failure(simulator.client({ deadlineMs: 200 }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE }));
    const { result, requests } = await simulator.during(slow, async () => [await buy(), await sleep(400)]);
    assert.equal(result[0].code, "timeout");
    assert.deepEqual(requests.map(({ call }) => call), ["challenge"]);
  });
});

test("a port that nobody listens on: 502, with what the runtime threw as the cause", async () => {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  const error = await failure(create(`http://127.0.0.1:${port}`, { maxRetries: 1 }));
  assert.equal(error.statusCode, 502);
  assert.equal(error.code, "transport_failed");
  assert.equal(error.origin, "transport");
  assert.ok(error.cause instanceof Error);
  assert.match(String(error.cause.cause?.code), /ECONNREFUSED/);
});

test("a server that speaks something else than HTTP", async () => {
  const server = net.createServer((socket) => socket.end("220 mail.example.org ESMTP\r\n", () => socket.destroy()));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const error = await failure(create(`http://127.0.0.1:${server.address().port}`, { maxRetries: 0 }));
  server.close();
  assert.equal(error.code, "transport_failed");
});
