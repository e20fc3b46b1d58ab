/** The limit of requests a minute: by caller, and by address for those who are not known. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { platform, startGateway, testInWorkerd } from "../support/gateway.mjs";
import { caller, managedSecrets, newToken, send } from "./support.mjs";

let simulator;
const secrets = managedSecrets();
const MINUTE_MS = 60_000;

before(async () => (simulator = await startSimulator()));
after(() => simulator?.close());

async function limitedTo(t, requestsPerMinute, bindings = secrets.bindings) {
  const gateway = await startGateway({ upstream: simulator.url, bindings, requestsPerMinute });
  t.after(() => gateway.close());
  // Windows begin with the minute. None is to begin in the middle of a test.
  const left = MINUTE_MS - (Date.now() % MINUTE_MS);
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left + 50));
  return gateway;
}

const statuses = (answers) => answers.map(({ status }) => status);
const times = (count, work) => Promise.all(Array.from({ length: count }, work));

function limited(answer) {
  assert.deepEqual([answer.status, answer.error?.code], [429, "rate_limited"], answer.text);
  assert.ok(Number(answer.headers.get("retry-after")) > 0);
}

test("a caller has so many requests, with whatever token and on whatever route; others have theirs", async (t) => {
  const second = newToken();
  const gateway = await limitedTo(t, 5, { ...secrets.bindings, GATEWAY_TOKENS: `${secrets.bindings.GATEWAY_TOKENS},shop:${second}` });
  const shop = caller(gateway, secrets.shop);
  assert.deepEqual(statuses(await times(4, () => shop.create())), [200, 200, 200, 200]);
  assert.equal((await caller(gateway, second).view("relay_x")).status, 503);
  const from = simulator.requests().length;
  for (const answer of [await shop.create(), await caller(gateway, second).create(), await shop.view("relay_x"), await shop.redeem("relay_x", {})]) limited(answer);
  assert.equal(simulator.requests().length, from);
  assert.equal((await caller(gateway, secrets.bank).create()).status, 200);
  assert.deepEqual(new Set(statuses(await times(20, () => send(`${gateway.url}/healthz`, { method: "GET" })))), new Set([200]));
  assert.equal((await gateway.log(({ code }) => code === "rate_limited")).level, "warn");
});

test("those without a token, or with wrong ones, use up their own and nobody else's", async (t) => {
  const gateway = await limitedTo(t, 5);
  const headers = { "cf-connecting-ip": "192.0.2.1" };
  const guess = (more = {}) => caller(gateway, newToken()).create({}, { headers, ...more });
  assert.deepEqual(statuses(await times(4, () => guess())), [401, 401, 401, 401]);
  assert.equal((await caller(gateway).create({}, { headers })).status, 401);
  limited(await guess());
  limited(await caller(gateway).create({}, { headers }));
  // From the same address, with a token.
  assert.equal((await caller(gateway, secrets.shop).create({}, { headers })).status, 200);
});

test("pass-through mode counts by address", async (t) => {
  const gateway = await limitedTo(t, 3, {});
  assert.deepEqual(statuses(await times(3, () => caller(gateway).create())), [200, 200, 200]);
  limited(await caller(gateway).create());
});

testInWorkerd("an address is one, an IPv6 network of 64 bits too", async (t) => {
  const gateway = await limitedTo(t, 1);
  const from = (address) => caller(gateway).create({}, { headers: { "cf-connecting-ip": address } });
  for (const [first, same, other] of [
    ["192.0.2.1", "192.0.2.1", "192.0.2.2"],
    ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff::2", "2001:db8:1:3::1"],
    ["2001:db8::1", "2001:db8:0:0:5::", "2001:db8:0:1::"],
  ]) {
    assert.equal((await from(first)).status, 401);
    limited(await from(same));
    assert.equal((await from(other)).status, 401);
  }
});

if (platform !== "workerd") {
  test("outside Cloudflare nobody becomes another by a header", async (t) => {
    const gateway = await limitedTo(t, 1);
    const from = (address) => caller(gateway).create({}, { headers: { "cf-connecting-ip": address } });
    assert.equal((await from("192.0.2.1")).status, 401);
    limited(await from("192.0.2.2"));
  });

  test("a malformed number is refused at the start", async () => {
    for (const value of ["0", "", "ten", "-1", "1.5", "1000000000"]) {
      await assert.rejects(limitedTo({ after: () => undefined }, value), /REQUESTS_PER_MINUTE must be a number/);
    }
  });
}

testInWorkerd("a binding of another kind", async (t) => {
  const gateway = await startGateway({ bindings: { ...secrets.bindings, REQUESTS: "100" } });
  t.after(() => gateway.close());
  assert.equal((await send(`${gateway.url}/healthz`, { method: "GET" })).status, 500);
  assert.match((await gateway.log(({ code }) => code === "misconfigured")).mend.join(), /^REQUESTS must be a rate limit/);
});
