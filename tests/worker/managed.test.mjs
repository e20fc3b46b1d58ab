/** Managed mode: gateway tokens, ownership, and what the gateway remembers so that callers need not. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway, testInWorkerd } from "../support/gateway.mjs";
import { API_KEY, CLAIM_TYPE, PLAIN, SANDBOX_API_KEY, caller, complete, headerOf, managedSecrets, newStoreKey, newToken, plainHeaders, send } from "./support.mjs";

let simulator, gateway, shop, bank;
const secrets = managedSecrets();

before(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ upstream: simulator.url, bindings: secrets.bindings });
  shop = caller(gateway, secrets.shop);
  bank = caller(gateway, secrets.bank);
});
after(async () => {
  await gateway?.close();
  await simulator?.close();
});

/** A relay of the shop, completed. */
async function completedRelay(body) {
  const { status, body: relay } = await shop.create(body);
  assert.equal(status, 200);
  await complete(simulator, relay["relay-token"]);
  return { token: relay["relay-token"], secret: relay["relay-secret"] };
}

test("a relay from creation to claim, the caller keeping nothing but the relay token", async () => {
  const billed = simulator.ledger().billed.total;
  const { token } = await completedRelay();
  const issued = await shop.issue({ "relay-token": token });
  assert.equal(issued.status, 200);
  assert.ok(issued.body["privacy-pass-token"]);
  const redeemed = await shop.redeem(token);
  assert.equal(redeemed.status, 200);
  assert.equal(JSON.parse(redeemed.body["claim-payload"]).claim_result, "passed");
  assert.equal(simulator.ledger().billed.total, billed + 1);
  assert.equal(simulator.requests().findLast(({ call }) => call === "challenge")?.body, JSON.stringify({ "claim-type": CLAIM_TYPE }));
});

test("sending the secret and the pass along still works", async () => {
  const { token, secret } = await completedRelay();
  const issued = await shop.issue({ "relay-token": token }, { secret });
  const redeemed = await shop.redeem(token, issued.body, { secret });
  assert.equal(redeemed.status, 200);
  assert.deepEqual((await shop.redeem(token, {})).body, redeemed.body);
});

test("a pass by claim type is bought for the caller and kept by it", async () => {
  const { token } = await completedRelay();
  const issued = await shop.issue({ "claim-type": CLAIM_TYPE });
  assert.equal((await shop.redeem(token, issued.body)).status, 200);
});

test("a second purchase for one relay answers the first pass", async () => {
  const { token } = await completedRelay();
  const first = await shop.issue({ "relay-token": token });
  const billed = simulator.ledger().billed.total;
  const second = await shop.issue({ "relay-token": token });
  assert.deepEqual(second.body, first.body);
  assert.equal(first.headers.get("idempotent-replayed"), null);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
  assert.equal(simulator.ledger().billed.total, billed);
});

test("without a gateway token, or with a wrong one, nothing happens", async () => {
  const seen = simulator.requests().length;
  const wrong = [undefined, "", "x", secrets.shop.slice(1), `${secrets.shop}x`, API_KEY, newToken(), `${secrets.shop},${secrets.bank}`];
  for (const bearer of wrong) {
    const nobody = caller(gateway, bearer);
    for (const answer of [await nobody.create(), await nobody.issue({ "claim-type": CLAIM_TYPE }), await nobody.redeem("relay_x", {})]) {
      assert.equal(answer.status, 401);
      assert.equal(answer.error.code, "unauthorized");
      assert.equal(answer.headers.get("www-authenticate"), "Bearer");
      assert.deepEqual(plainHeaders(answer), PLAIN);
    }
  }
  for (const authorization of [`Basic ${secrets.shop}`, secrets.shop, `Bearer${secrets.shop}`, `PrivateToken token=${secrets.shop}`]) {
    const answer = await send(`${gateway.url}/relays`, { headers: { authorization }, body: { "claim-type": CLAIM_TYPE, "encryption-key-pem": null } });
    assert.equal(answer.status, 401);
  }
  assert.equal(simulator.requests().length, seen);
  assert.equal((await send(`${gateway.url}/relays`, { headers: { authorization: `bearer  ${secrets.shop}` }, body: {} })).status, 400);
});

test("to another caller the relay does not exist, with and without its secret", async () => {
  const { token, secret } = await completedRelay();
  const issued = await shop.issue({ "relay-token": token });
  const seen = simulator.requests().length;
  const attempts = [
    await bank.issue({ "relay-token": token }),
    await bank.issue({ "relay-token": token }, { secret }),
    await bank.redeem(token),
    await bank.redeem(token, {}, { secret }),
    await bank.redeem(token, issued.body, { secret }),
  ];
  assert.equal(simulator.requests().length, seen);
  // The same as for a relay that upstream does not know.
  const unknown = await bank.redeem("relay_nobodys", issued.body, { secret });
  for (const answer of attempts) {
    assert.equal(answer.status, 404);
    assert.equal(answer.text, unknown.text);
    const headers = (from) => [...from.headers.keys()].filter((name) => name !== "date").sort();
    assert.deepEqual(headers(answer), headers(unknown));
  }
  assert.equal((await shop.redeem(token)).status, 200);
});

test("a wrong secret is 404, even from the owner", async () => {
  const { token } = await completedRelay();
  await shop.issue({ "relay-token": token });
  assert.equal((await shop.redeem(token, {}, { secret: "not-the-secret" })).status, 404);
  assert.equal((await shop.issue({ "relay-token": token }, { secret: "not-the-secret" })).status, 404);
});

test("a relay that KV does not show is 503, never 404; a pass that was not bought is 409", async () => {
  const unknown = await shop.redeem("relay_unknown");
  assert.equal(unknown.status, 503);
  assert.equal(unknown.error.code, "relay_not_found_yet");
  assert.ok(Number(unknown.headers.get("retry-after")) > 0);
  assert.equal((await shop.issue({ "relay-token": "relay_unknown" })).error.code, "relay_not_found_yet");
  const { token } = await completedRelay();
  const passless = await shop.redeem(token, {});
  assert.equal(passless.status, 409);
  assert.equal(passless.error.code, "pass_not_bought");
});

test("a relay made elsewhere works with its secret: bought by relay, kept for its buyer", async () => {
  const relay = (await send(`${simulator.url}/api/privacy/v1/relays`, {
    headers: { "key-inflection": "kebab" },
    body: { "claim-type": CLAIM_TYPE, "encryption-key-pem": null },
  })).body;
  const [token, secret] = [relay["relay-token"], relay["relay-secret"]];
  await complete(simulator, token);
  assert.equal((await shop.issue({ "relay-token": token }, { secret })).status, 200);
  assert.equal(simulator.requests().findLast(({ call }) => call.endsWith("challenge")).call, "relay-challenge");
  assert.equal((await bank.redeem(token, {}, { secret })).status, 404);
  assert.equal((await shop.redeem(token, {}, { secret })).status, 200);
});

test("a relay of the sandbox is bought for in the sandbox", async (t) => {
  const own = managedSecrets();
  const sandboxed = await startGateway({ upstream: simulator.url, bindings: { ...own.bindings, PERSONA_API_KEY: SANDBOX_API_KEY } });
  t.after(() => sandboxed.close());
  const tester = caller(sandboxed, own.shop);
  const token = (await tester.create()).body["relay-token"]; // the gateway's API key says so
  assert.equal((await tester.issue({ "relay-token": token })).status, 200);
  await complete(simulator, token);
  assert.equal((await tester.redeem(token)).status, 200);
});

test("two tokens of one id are one caller; the old one is gone when it is taken out", async (t) => {
  const [old, fresh] = [newToken(), newToken()];
  const own = { PERSONA_API_KEY: API_KEY, STORE_KEYS: newStoreKey("k1") };
  const both = await startGateway({ upstream: simulator.url, bindings: { ...own, GATEWAY_TOKENS: `shop:${old},shop:${fresh},bank:${newToken()}` } });
  t.after(() => both.close());
  const token = (await caller(both, old).create()).body["relay-token"];
  await complete(simulator, token);
  assert.equal((await caller(both, fresh).issue({ "relay-token": token })).status, 200);
  assert.equal((await caller(both, old).redeem(token)).status, 200);
  const later = await startGateway({ upstream: simulator.url, bindings: { ...own, GATEWAY_TOKENS: `shop:${fresh}` } });
  t.after(() => later.close());
  assert.equal((await caller(later, old).create()).status, 401);
  assert.equal((await caller(later, fresh).create()).status, 200);
});

test("WITHHOLD_RELAY_SECRET keeps the secret at the edge", async (t) => {
  const own = managedSecrets();
  for (const [value, keys] of [
    ["true", ["relay-session-access-token", "relay-token"]],
    ["false", ["relay-secret", "relay-session-access-token", "relay-token"]],
  ]) {
    const withholding = await startGateway({ upstream: simulator.url, bindings: { ...own.bindings, WITHHOLD_RELAY_SECRET: value } });
    t.after(() => withholding.close());
    const tenant = caller(withholding, own.shop);
    const { body } = await tenant.create();
    assert.deepEqual(Object.keys(body).sort(), keys);
    await complete(simulator, body["relay-token"]);
    assert.equal((await tenant.issue({ "relay-token": body["relay-token"] })).status, 200);
    assert.equal((await tenant.redeem(body["relay-token"])).status, 200);
  }
});

test("neither the API key nor a gateway token reaches an anonymous call", async () => {
  const from = simulator.requests().length;
  const { token } = await completedRelay();
  await shop.issue({ "relay-token": token });
  await shop.redeem(token);
  const seen = simulator.requests().slice(from);
  for (const { call, rawHeaders, body } of seen) {
    const text = JSON.stringify(rawHeaders) + body;
    assert.ok(!text.includes(secrets.shop), call);
    assert.equal(text.includes(API_KEY), call === "purchase", call);
  }
  const redemption = seen.find(({ call }) => call === "redeem");
  assert.match(headerOf(redemption, "authorization"), /^PrivateToken token=/);
});

test("PERSONA_VERSION goes with the purchase only", async (t) => {
  const own = managedSecrets();
  const versioned = await startGateway({ upstream: simulator.url, bindings: { ...own.bindings, PERSONA_VERSION: "2025-10-27" } });
  t.after(() => versioned.close());
  const tenant = caller(versioned, own.shop);
  const from = simulator.requests().length;
  const token = (await tenant.create()).body["relay-token"];
  await complete(simulator, token);
  await tenant.issue({ "relay-token": token });
  assert.equal((await tenant.redeem(token)).status, 200);
  const sent = simulator.requests().slice(from).filter((request) => headerOf(request, "persona-version") !== undefined);
  assert.deepEqual(sent.map((request) => [request.call, headerOf(request, "persona-version")]), [["purchase", "2025-10-27"]]);
});

test("healthz says the mode and the egress, and needs no token", async () => {
  assert.deepEqual((await send(`${gateway.url}/healthz`, { method: "GET" })).body, { status: "ok", mode: "managed", egress: "direct" });
});

test("HEAD is answered as GET, without the body", async () => {
  const { token } = await completedRelay();
  const seen = ({ headers }) => Object.fromEntries([...headers].filter(([name]) => !["content-length", "date", "transfer-encoding", "vary", "connection", "keep-alive"].includes(name)));
  for (const path of ["/healthz", "/openapi.json", "/pool", "/issuer-keys", `/relays/${token}`]) {
    const [get, head] = [await send(gateway.url + path, { method: "GET", bearer: secrets.shop }), await send(gateway.url + path, { method: "HEAD", bearer: secrets.shop })];
    assert.deepEqual([get.status, head.status, head.text], [200, 200, ""], path);
    assert.deepEqual(seen(head), seen(get), path);
    assert.equal((await send(gateway.url + path, { method: "DELETE", bearer: secrets.shop })).headers.get("allow"), "GET, HEAD");
  }
  for (const path of ["/pool", "/issuer-keys", `/relays/${token}`]) assert.equal((await send(gateway.url + path, { method: "HEAD" })).status, 401, path);
  assert.equal((await send(`${gateway.url}/relays/${token}`, { method: "HEAD", bearer: secrets.bank })).status, 404);
  for (const path of ["/relays", "/relays/privacy-passes", `/relays/${token}/redeem`]) {
    assert.equal((await send(gateway.url + path, { method: "HEAD", bearer: secrets.shop })).headers.get("allow"), "POST", path);
  }
});

test("the log names caller and relay by what is no secret", async () => {
  const { token, secret } = await completedRelay();
  const issued = await shop.issue({ "relay-token": token });
  await shop.redeem(token);
  const redemption = await gateway.log(({ route, caller, relay }) => route === "/relays/{relay-token}/redeem" && caller === "shop" && Boolean(relay));
  assert.match(redemption.relay, /^[0-9a-f]{16}$/);
  const pass = issued.body["privacy-pass-token"];
  for (const hidden of [token, secret, pass, secrets.shop, secrets.bank, API_KEY, secrets.bindings.STORE_KEYS.slice(3)]) {
    assert.ok(!gateway.output().includes(hidden));
  }
});

testInWorkerd("what the log calls a relay is how its entry in KV begins", async () => {
  const { token } = await completedRelay();
  await shop.redeem(token, {}, {});
  const { relay } = await gateway.log(({ route, code }) => route === "/relays/{relay-token}/redeem" && code === "pass_not_bought");
  const { keys } = await (await gateway.kv()).list();
  assert.ok(keys.some(({ name }) => name.startsWith(`relay:${relay}`)));
});
