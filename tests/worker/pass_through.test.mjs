/** Pass-through mode: a caller of the vendor's gateway, unchanged; nothing is kept. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway, testInWorkerd } from "../support/gateway.mjs";
import { API_KEY, CLAIM_TYPE, PLAIN, SANDBOX_API_KEY, caller, complete, headerOf, plainHeaders, send } from "./support.mjs";

let simulator, gateway, anyone, payer;

before(async () => {
  simulator = await startSimulator();
  gateway = await startGateway({ upstream: simulator.url });
  anyone = caller(gateway);
  payer = caller(gateway, API_KEY);
});
after(async () => {
  await gateway?.close();
  await simulator?.close();
});

async function newRelay(body) {
  const { status, body: relay } = await anyone.create(body);
  assert.equal(status, 200);
  return { token: relay["relay-token"], secret: relay["relay-secret"], session: relay["relay-session-access-token"] };
}

test("a relay from creation to claim, the pass bought for the relay", async () => {
  const relay = await newRelay();
  assert.match(relay.token, /^[A-Za-z0-9_-]+$/);
  assert.ok(relay.secret && relay.session);
  const issued = await payer.issue({ "relay-token": relay.token }, { secret: relay.secret });
  assert.equal(issued.status, 200);
  assert.deepEqual(Object.keys(issued.body), ["privacy-pass-token"]);
  await complete(simulator, relay.token);
  const redeemed = await anyone.redeem(relay.token, issued.body, { secret: relay.secret });
  assert.equal(redeemed.status, 200);
  assert.deepEqual(plainHeaders(redeemed), PLAIN);
  assert.equal(redeemed.body["token-consumed"], true);
  assert.equal(JSON.parse(redeemed.body["claim-payload"]).claim_result, "passed");
});

test("the pass bought by claim type, in the sandbox, redeemed with a PrivateToken header", async () => {
  const relay = await newRelay({ sandbox: true });
  const issued = await caller(gateway, SANDBOX_API_KEY).issue({ "claim-type": CLAIM_TYPE }); // its API key says so
  assert.equal(issued.status, 200);
  await complete(simulator, relay.token);
  const pass = issued.body["privacy-pass-token"];
  for (const authorization of [`PrivateToken token=${pass}`, `privatetoken TOKEN="${pass}"`, `PRIVATETOKEN token = "${pass}"`]) {
    const redeemed = await anyone.redeem(relay.token, {}, { secret: relay.secret, headers: { authorization } });
    assert.equal(redeemed.status, 200, authorization);
  }
  const bodiless = await anyone.redeem(relay.token, undefined, { secret: relay.secret, headers: { authorization: `PrivateToken token=${pass}` } });
  assert.equal(bodiless.status, 200);
  assert.equal(simulator.ledger().relays[relay.token].redeemed, true);
});

test("an encrypted claim opens with the caller's private key", async () => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  const relay = await newRelay({ "encryption-key-pem": publicKey.export({ type: "spki", format: "pem" }) });
  const issued = await payer.issue({ "claim-type": CLAIM_TYPE });
  await complete(simulator, relay.token);
  const redeemed = await anyone.redeem(relay.token, issued.body, { secret: relay.secret });
  const claim = JSON.parse(crypto.privateDecrypt(privateKey, Buffer.from(redeemed.body["claim-payload"], "base64")).toString());
  assert.equal(claim.claim_result, "passed");
});

test("a claim that failed hands the pass back", async () => {
  const relay = await newRelay();
  const issued = await payer.issue({ "claim-type": CLAIM_TYPE });
  await complete(simulator, relay.token, "failed");
  const redeemed = await anyone.redeem(relay.token, issued.body, { secret: relay.secret });
  assert.equal(redeemed.body["token-consumed"], false);
  assert.equal(JSON.parse(redeemed.body["claim-payload"]).claim_result, "failed");
});

test("a redemption repeated answers the same claim and spends nothing more", async () => {
  const relay = await newRelay();
  const issued = await payer.issue({ "claim-type": CLAIM_TYPE });
  await complete(simulator, relay.token);
  const spent = simulator.ledger().spent.total;
  const first = await anyone.redeem(relay.token, issued.body, { secret: relay.secret });
  const second = await anyone.redeem(relay.token, issued.body, { secret: relay.secret });
  assert.deepEqual(second.body, first.body);
  assert.equal(simulator.ledger().spent.total, spent + 1);
});

test("the API key goes with the purchase and with nothing else", async () => {
  const from = simulator.requests().length;
  const relay = (await payer.create()).body;
  const issued = await payer.issue({ "relay-token": relay["relay-token"] }, { secret: relay["relay-secret"] });
  await complete(simulator, relay["relay-token"]);
  const redeemed = await payer.redeem(relay["relay-token"], issued.body, {
    secret: relay["relay-secret"],
    headers: { "user-agent": "the-platform/1.0", "x-forwarded-for": "203.0.113.7", cookie: "platform=1", referer: "https://platform.example/" },
  });
  assert.equal(redeemed.status, 200);
  const seen = simulator.requests().slice(from).filter(({ call }) => call !== "control");
  const withKey = seen.filter(({ rawHeaders }) => rawHeaders.some(([, value]) => value.includes(API_KEY)));
  assert.deepEqual(withKey.map(({ call }) => call), ["purchase"]);
  const redemption = seen.find(({ call }) => call === "redeem");
  assert.match(headerOf(redemption, "authorization"), /^PrivateToken token=/);
  for (const name of ["user-agent", "x-forwarded-for", "cookie", "referer", "persona-version"]) {
    assert.doesNotMatch(headerOf(redemption, name) ?? "", /platform|203\.0\.113\.7/, name);
  }
});

test("without an API key a purchase is 401; with a wrong one the upstream's own refusal comes back", async () => {
  const none = await anyone.issue({ "claim-type": CLAIM_TYPE });
  assert.equal(none.status, 401);
  assert.equal(none.error.code, "api_key_missing");
  assert.equal(none.headers.get("www-authenticate"), "Bearer");
  const wrong = await caller(gateway, "persona_production_nobody").issue({ "claim-type": CLAIM_TYPE });
  assert.equal(wrong.status, 401);
  assert.equal(wrong.error.code, "api_key_invalid");
  assert.equal(wrong.headers.get("www-authenticate"), "Bearer");
  assert.match(wrong.headers.get("request-id"), /^req_/);
});

test("what upstream refuses comes back with its status, code and request id, and not before its time", async () => {
  const relay = await newRelay();
  const issued = await payer.issue({ "claim-type": CLAIM_TYPE });
  const early = await anyone.redeem(relay.token, issued.body, { secret: relay.secret });
  assert.equal(early.status, 409);
  assert.equal(early.error.code, "claim_not_ready");
  assert.equal(early.headers.get("retry-after"), "5");
  const wrong = await anyone.redeem(relay.token, issued.body, { secret: crypto.randomUUID() });
  assert.equal(wrong.status, 404);
  assert.match(wrong.headers.get("request-id"), /^req_/);
  const line = await gateway.log(({ status, route }) => status === 404 && route === "/relays/{relay-token}/redeem");
  assert.equal(line.upstreamRequestId, wrong.headers.get("request-id"));

  const other = await newRelay();
  for (const { token } of [relay, other]) await complete(simulator, token);
  assert.equal((await anyone.redeem(relay.token, issued.body, { secret: relay.secret })).status, 200);
  const twice = await anyone.redeem(other.token, issued.body, { secret: other.secret });
  assert.equal(twice.status, 409);
  assert.equal(twice.error.code, "pass_spent");
  assert.equal(twice.headers.get("retry-after"), null);
});

testInWorkerd("nothing is stored, although a KV is bound", async () => {
  assert.deepEqual((await (await gateway.kv()).list()).keys, []);
});

test("healthz says the mode, the egress and no more", async () => {
  const health = await send(`${gateway.url}/healthz`, { method: "GET" });
  assert.equal(health.status, 200);
  assert.deepEqual(health.body, { status: "ok", mode: "pass-through", egress: "direct" });
  assert.equal((await send(`${gateway.url}/healthz`, { method: "HEAD" })).status, 200);
});

test("one log line per request, without a secret", async () => {
  const before = gateway.logs().length;
  const relay = await newRelay();
  const issued = await payer.issue({ "relay-token": relay.token }, { secret: relay.secret });
  const digest = crypto.createHash("sha256").update(relay.token).digest("hex").slice(0, 16);
  const line = await gateway.log((candidate) => candidate.relay === digest && candidate.route === "/relays/privacy-passes");
  const { ms, ...rest } = line;
  assert.equal(typeof ms, "number");
  assert.deepEqual(rest, {
    level: "info",
    event: "request",
    method: "POST",
    mode: "pass-through",
    route: "/relays/privacy-passes",
    relay: digest,
    status: 200,
  });
  assert.equal(gateway.logs().length, before + 2);
  for (const secret of [relay.token, relay.secret, relay.session, issued.body["privacy-pass-token"], API_KEY]) {
    assert.ok(!gateway.output().includes(secret));
  }
});
