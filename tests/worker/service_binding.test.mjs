/** The gateway by service binding: another Worker of the account calls, and its binding says who it is. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway, testInWorkerd } from "../support/gateway.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets } from "./support.mjs";

/** Calls what it is told to, and answers what came back, over RPC or `fetch`. */
const PROXY = `export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/fetch/")) return env.GATEWAY.fetch(new Request("http://gateway" + pathname.slice(6), request));
    return Response.json(await env.GATEWAY[pathname.slice(1)](await request.json()));
  },
};`;

/** What is no name of a caller, and what is said about it. */
const NAMELESS = [
  [undefined, "is missing"],
  [{}, "is missing"],
  [{ Caller: "shop" }, "is missing"],
  [{ caller: "" }, "must be 1 to 64"],
  [{ caller: 7 }, "must be 1 to 64"],
  [{ caller: "a b" }, "must be 1 to 64"],
  [{ caller: "x".repeat(65) }, "must be 1 to 64"],
  [{ caller: "access:person:x" }, "must be 1 to 64"],
];

const secrets = managedSecrets();
let simulator, gateway;

before(async () => {
  simulator = await startSimulator();
  const bound = [{ caller: "shop" }, { caller: "market" }, ...NAMELESS.map(([props]) => props)].map((props) => ({ script: PROXY, props }));
  const bindings = { ...secrets.bindings, PURCHASES_PER_DAY: "market:1" };
  gateway = await startGateway({ upstream: simulator.url, bindings, bound });
});
after(async () => {
  await gateway?.close();
  await simulator?.close();
});

const [SHOP, MARKET, FIRST_NAMELESS] = [0, 1, 2];

/** Calls a method from a bound Worker. */
async function rpc(worker, method, params) {
  const response = await gateway.bound(worker, `http://worker/${method}`, { method: "POST", body: JSON.stringify(params) });
  assert.equal(response.status, 200, await response.clone().text());
  return response.json();
}

const ok = (result) => {
  assert.equal(result.ok, true, JSON.stringify(result));
  return result.value;
};

testInWorkerd("a relay's life without a token, member by member as in the SDK", async () => {
  const relay = ok(await rpc(SHOP, "createRelay", { claimType: CLAIM_TYPE, encryptionKeyPem: null, sandbox: false }));
  assert.deepEqual(Object.keys(relay).sort(), ["relaySecret", "relaySessionAccessToken", "relayToken"]);
  const { relayToken } = relay;
  await complete(simulator, relayToken);
  const bought = await rpc(SHOP, "issuePrivacyPass", { relayToken });
  assert.deepEqual([Object.keys(ok(bought)), bought.replayed], [["privacyPassToken"], false]);
  assert.deepEqual(await rpc(SHOP, "issuePrivacyPass", { relayToken }), { ...bought, replayed: true });
  const claim = await rpc(SHOP, "redeemRelay", { relayToken });
  assert.equal(JSON.parse(ok(claim).claimPayload).claim_result, "passed");
  assert.equal(claim.value.tokenConsumed, true);
  assert.deepEqual(await rpc(SHOP, "redeemRelay", { relayToken, relaySecret: relay.relaySecret, privacyPassToken: bought.value.privacyPassToken }), { ...claim, replayed: true });
  const view = ok(await rpc(SHOP, "viewRelay", { relayToken }));
  assert.deepEqual([view.claimType, view.purchase.state, view.redemption.state, view.redemption.inDoubt], [CLAIM_TYPE, "issued", "redeemed", false]);
  await gateway.log(({ route, caller, status }) => route === "/relays/{relay-token}/redeem" && caller === "shop" && status === 200);
});

testInWorkerd("by fetch the pass may come in Authorization, which needs no token here", async () => {
  const { relayToken } = ok(await rpc(SHOP, "createRelay", { claimType: CLAIM_TYPE }));
  await complete(simulator, relayToken);
  const { privacyPassToken } = ok(await rpc(SHOP, "issuePrivacyPass", { claimType: CLAIM_TYPE }));
  const headers = { authorization: `PrivateToken token=${privacyPassToken}` };
  const response = await gateway.bound(SHOP, `http://worker/fetch/relays/${relayToken}/redeem`, { method: "POST", headers });
  assert.equal(response.status, 200, await response.clone().text());
  assert.equal((await response.json())["token-consumed"], true);
});

testInWorkerd("what may be left out, and keys of one's own", async () => {
  const [one, again] = [await rpc(SHOP, "createRelay", { claimType: CLAIM_TYPE, idempotencyKey: '"k"\\1' }), await rpc(SHOP, "createRelay", { claimType: CLAIM_TYPE, idempotencyKey: '"k"\\1' })];
  assert.deepEqual(again, { ...one, replayed: true });
  const params = { claimType: CLAIM_TYPE, idempotencyKey: "order-1" };
  const bought = await rpc(SHOP, "issuePrivacyPass", params);
  assert.deepEqual(await rpc(SHOP, "issuePrivacyPass", params), { ...bought, replayed: true });
  // The same key over HTTP is the same key: the caller is the same.
  const overHttp = await caller(gateway, secrets.shop).issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": "order-1" } });
  assert.equal(overHttp.body["privacy-pass-token"], ok(bought).privacyPassToken);
});

testInWorkerd("a relay is the caller's, by token or by binding, and nobody else's", async () => {
  const byBinding = ok(await rpc(SHOP, "createRelay", { claimType: CLAIM_TYPE })).relayToken;
  assert.equal((await caller(gateway, secrets.shop).issue({ "relay-token": byBinding })).status, 200);
  assert.equal((await caller(gateway, secrets.bank).issue({ "relay-token": byBinding })).status, 404);
  const byToken = (await caller(gateway, secrets.shop).create()).body["relay-token"];
  ok(await rpc(SHOP, "issuePrivacyPass", { relayToken: byToken }));
  const { ok: _, ...foreign } = await rpc(MARKET, "issuePrivacyPass", { relayToken: byToken });
  assert.deepEqual(foreign.error, { statusCode: 404, code: "relay_not_found", title: "There is no such relay, or the relay secret is wrong." });
});

testInWorkerd("limits hold for a caller by binding", async () => {
  ok(await rpc(MARKET, "issuePrivacyPass", { claimType: CLAIM_TYPE }));
  const { error } = await rpc(MARKET, "issuePrivacyPass", { claimType: CLAIM_TYPE });
  assert.deepEqual([error.statusCode, error.code], [429, "purchase_limit_reached"]);
  assert.ok(error.retryAfter > 0);
});

testInWorkerd("mistakes are answered, not thrown, in the spelling of the parameters", async () => {
  const seen = simulator.requests().length;
  const { relayToken } = { relayToken: "relay_x" };
  for (const [method, params, statusCode, field] of [
    ["createRelay", {}, 400, "claimType"],
    ["createRelay", { claimType: CLAIM_TYPE, encryptionKeyPem: 7 }, 400, "encryptionKeyPem"],
    ["createRelay", { claimType: CLAIM_TYPE, idempotencyKey: "a b" }, 400, "idempotencyKey"],
    ["createRelay", { claimType: CLAIM_TYPE, idempotencyKey: 7 }, 400, "idempotencyKey"],
    ["createRelay", { claimType: CLAIM_TYPE, extraMember: 1 }, 400, "extraMember"],
    ["createRelay", "x", 400, "params"],
    ["createRelay", null, 400, "params"],
    ["issuePrivacyPass", { relayToken, relaySecret: "a\nb" }, 400, "relaySecret"],
    ["redeemRelay", { relayToken, privacyPassToken: 7 }, 400, "privacyPassToken"],
    ...["..", ".", "a/b", "../privacy-passes", "", undefined, 7, "x".repeat(129)].flatMap((wrong) => ["redeemRelay", "viewRelay"].map((method) => [method, { relayToken: wrong }, 400, "relayToken"])),
  ]) {
    const { ok, error } = await rpc(SHOP, method, params);
    assert.deepEqual([ok, error?.statusCode, error?.code, error?.field], [false, statusCode, "parameter_invalid", field], `${method} ${JSON.stringify(params)}`);
    assert.ok(error.details.startsWith(`${field} `), error.details);
  }
  assert.equal(simulator.requests().length, seen);
  const { error } = await rpc(SHOP, "viewRelay", { relayToken });
  assert.deepEqual([error.statusCode, error.code, typeof error.retryAfter], [503, "relay_not_found_yet", "number"]);
});

testInWorkerd("fetch is the HTTP contract, and a token in it is of no account", async () => {
  const create = (headers = {}) => gateway.bound(SHOP, "http://worker/fetch/relays", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }),
  });
  for (const authorization of [undefined, `Bearer ${secrets.bank}`, "Bearer wrong"]) {
    const response = await create(authorization === undefined ? {} : { authorization });
    assert.equal(response.status, 200);
    const token = (await response.json())["relay-token"];
    assert.equal((await caller(gateway, secrets.shop).issue({ "relay-token": token })).status, 200);
  }
  assert.equal((await gateway.bound(SHOP, "http://worker/fetch/healthz")).status, 200);
});

for (const [index, [props, problem]] of NAMELESS.entries()) {
  testInWorkerd(`props ${JSON.stringify(props)} name nobody`, async () => {
    const { ok, error } = await rpc(FIRST_NAMELESS + index, "createRelay", { claimType: CLAIM_TYPE });
    assert.deepEqual([ok, error.statusCode, error.code], [false, 403, "caller_not_named"]);
    assert.ok(error.details.startsWith(`props.caller ${problem}`) && error.details.includes('props = { caller = "shop" }'), error.details);
    const response = await gateway.bound(FIRST_NAMELESS + index, "http://worker/fetch/relays", { method: "POST", headers: { authorization: `Bearer ${secrets.shop}` } });
    assert.equal(response.status, 403);
  });
}

testInWorkerd("pass-through mode knows no callers: the log says what to mend", async (t) => {
  const open = await startGateway({ upstream: simulator.url, bound: [{ script: PROXY, props: { caller: "shop" } }] });
  t.after(() => open.close());
  const response = await open.bound(0, "http://worker/createRelay", { method: "POST", body: JSON.stringify({ claimType: CLAIM_TYPE }) });
  const { error } = await response.json();
  assert.deepEqual([error.statusCode, error.code], [500, "misconfigured"]);
  assert.match((await open.log(({ code }) => code === "misconfigured")).mend.join(), /^RelayGateway, the entrypoint for service bindings, needs managed mode/);
  assert.equal((await caller(open).create()).status, 200);
});

test("a caller that the public names by a header is not heard", async () => {
  const answer = await caller(gateway).create({}, { headers: { props: '{"caller":"shop"}', "cf-worker": "shop.example" } });
  assert.equal(answer.status, 401);
});
