/** Attacks by callers: without a token, with somebody else's, and with what others have sent. The numbers are those of docs/threat-model.md. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { operations } from "../support/description.mjs";
import { startGateway, testInWorkerd } from "../support/gateway.mjs";
import { rawRequest, requestText } from "../support/raw_http.mjs";
import { importWorker } from "../support/worker_code.mjs";
import { API_KEY, CLAIM_TYPE, caller, complete, managedSecrets, newToken, send } from "../worker/support.mjs";
import { JSON_TYPE, RELAY, startScene } from "./support.mjs";

let scene;
before(async () => (scene = await startScene({ PURCHASES_PER_DAY: "bank:2" })));
after(() => scene?.close());

/** A relay of the shop, ready to be redeemed, with its pass. */
async function soldRelay() {
  const { body: relay } = await scene.shop.create();
  const token = relay["relay-token"];
  await complete(scene.simulator, token);
  const { body: pass } = await scene.shop.issue({ "relay-token": token });
  return { token, secret: relay["relay-secret"], pass };
}

test("T1 without a token that is known nothing is done, on any route", async () => {
  const { managed, simulator, secrets } = scene;
  const token = secrets.shop;
  const wrong = [
    undefined, "", "Bearer", "Bearer ", `Bearer ${newToken()}`, `Bearer ${token.slice(0, -1)}`, `Bearer ${token}A`, `Bearer ${token.toLowerCase()}`, `Bearer "${token}"`, `Bearer shop:${token}`,
    `Bearer ${token},${token}`, `Bearer ${token} ${token}`, token, `Basic ${Buffer.from(`shop:${token}`).toString("base64")}`, `PrivateToken token="${token}"`, `Bearer ${API_KEY}`, `Bearer ${secrets.bindings.STORE_KEYS.slice(3)}`, "Bearer *", `Bearer ${"A".repeat(5000)}`,
  ];
  const before = simulator.requests().length;
  for (const { path, method, operation } of operations.filter(({ operation }) => operation.security?.length !== 0)) {
    for (const authorization of wrong) {
      const body = method === "POST" ? JSON.stringify(RELAY) : undefined;
      const headers = { ...(body === undefined ? {} : JSON_TYPE), ...(authorization === undefined ? {} : { authorization }), cookie: `token=${token}`, "x-api-key": API_KEY };
      const answer = await rawRequest(managed.port, requestText(method, `${path.replace(/\{[\w-]+\}/, "relay_x")}?token=${token}&access_token=${token}`, headers, body));
      assert.deepEqual([answer.status, answer.json?.errors[0].code], [401, method === "HEAD" ? undefined : "unauthorized"], `${operation.operationId} ${authorization}`);
    }
  }
  assert.equal(simulator.requests().length, before);
});

test("T1 what needs no token says no secret: whether the gateway is up, and how it is called", async () => {
  const { managed, open, secrets } = scene;
  for (const [{ url }, mode] of [[managed, "managed"], [open, "pass-through"]]) {
    assert.deepEqual((await send(`${url}/healthz`, { method: "GET" })).body, { status: "ok", mode, egress: "direct" });
    const { text } = await send(`${url}/openapi.json`, { method: "GET" });
    for (const secret of [secrets.shop, secrets.bank, API_KEY, secrets.bindings.STORE_KEYS, scene.upstream.url, "shop", "127.0.0.1"]) assert.ok(!text.includes(secret), secret);
  }
});

test("T2 every token is compared, wherever the match is, and over all its bytes", async (t) => {
  const { authenticateCaller, sameSecret } = await importWorker("auth.ts");
  const tokens = Array.from({ length: 8 }, (_, index) => ({ id: `caller-${index}`, token: newToken() }));
  const request = (token) => new Request("https://gateway.invalid/", { headers: { authorization: `Bearer ${token}` } });
  let digests = 0;
  let compared = [];
  const { digest } = crypto.webcrypto.subtle;
  t.mock.method(crypto.webcrypto.subtle, "digest", function (...input) {
    digests += 1;
    return digest.apply(this, input);
  });
  // As workerd has it; what is compared are SHA-256s, so that a length says nothing either.
  crypto.webcrypto.subtle.timingSafeEqual = (a, b) => {
    compared.push([a.byteLength, b.byteLength]);
    return crypto.timingSafeEqual(Buffer.from(a), Buffer.from(b));
  };
  t.after(() => delete crypto.webcrypto.subtle.timingSafeEqual);
  const work = [];
  // The tokens' own hashes are made once.
  await authenticateCaller(request(tokens[0].token), tokens);
  for (const presented of [...tokens.map(({ token }) => token), newToken(), "x", tokens[0].token.slice(0, -1), tokens[7].token.slice(1)]) {
    [digests, compared] = [0, []];
    const found = await authenticateCaller(request(presented), tokens).catch(({ status }) => status);
    assert.equal(found, tokens.find(({ token }) => token === presented)?.id ?? 401);
    work.push(JSON.stringify({ digests, compared }));
  }
  assert.deepEqual([...new Set(work)], [JSON.stringify({ digests: 1, compared: Array(8).fill([32, 32]) })]);
  // Elsewhere the bytes are compared by our own loop: it goes over all of them.
  delete crypto.webcrypto.subtle.timingSafeEqual;
  const own = [];
  t.mock.method(Uint8Array.prototype, "reduce", function (step, start) {
    let steps = 0;
    const value = Array.prototype.reduce.call(this, (...input) => ((steps += 1), step(...input)), start);
    own.push(steps);
    return value;
  });
  for (const [a, b] of [["same", "same"], ["same", "other"], ["", "x"]]) assert.equal(await sameSecret(a, b), a === b);
  assert.deepEqual(own, [32, 32, 32]);
});

test("T3 a token that was taken out is nobody's, and its relays are out of reach of those who are left", async (t) => {
  const { bindings, shop, bank } = managedSecrets();
  const simulator = await startSimulator();
  const kept = await startGateway({ upstream: simulator.url, bindings });
  t.after(() => kept.close());
  const left = await startGateway({ upstream: simulator.url, bindings: { ...bindings, GATEWAY_TOKENS: `bank:${bank}` } });
  t.after(async () => (await left.close(), simulator.close()));
  const { body: relay } = await caller(kept, shop).create();
  for (const answer of [await caller(left, shop).create(), await caller(left, shop).view(relay["relay-token"])]) assert.equal(answer.status, 401);
  assert.equal((await caller(kept, bank).view(relay["relay-token"])).status, 404);
  assert.equal((await caller(left, bank).create()).status, 200);
});

test("T4 a relay is its caller's: nobody else can buy for it, redeem it, look at it or allow anything, with all that belongs to it", async () => {
  const { bank, simulator } = scene;
  const { token, secret, pass } = await soldRelay();
  const before = simulator.requests().length;
  for (const more of [{}, { secret }, { secret: "guessed" }]) {
    for (const answer of [await bank.view(token, more), await bank.issue({ "relay-token": token }, more), await bank.allowAgain(token, more), await bank.redeem(token, undefined, more), await bank.redeem(token, pass, more)]) {
      assert.deepEqual([answer.status, answer.error.code], [404, "relay_not_found"]);
    }
  }
  assert.equal(simulator.requests().length, before);
  assert.equal((await scene.shop.redeem(token)).status, 200);
});

test("T5 a request that is sent once more does nothing once more", async () => {
  const { shop, bank, simulator, managed, secrets } = scene;
  const { token, secret, pass } = await soldRelay();
  const text = requestText("POST", `/relays/${token}/redeem`, { ...JSON_TYPE, authorization: `Bearer ${secrets.shop}`, "persona-relay-secret": secret }, JSON.stringify(pass));
  const ledger = () => ({ billed: simulator.ledger().billed.total, spent: simulator.ledger().spent.total });
  const first = await rawRequest(managed.port, text);
  assert.equal(first.status, 200);
  const after = ledger();
  for (let times = 0; times < 3; times += 1) assert.deepEqual((await rawRequest(managed.port, text)).json, first.json);
  // By somebody else; and the pass for another relay.
  assert.equal((await rawRequest(managed.port, text.replace(secrets.shop, secrets.bank))).status, 404);
  const { body: other } = await bank.create();
  await complete(simulator, other["relay-token"]);
  assert.equal((await bank.redeem(other["relay-token"], pass)).status, 409);
  assert.deepEqual(ledger(), after);

  const keyed = { headers: { "idempotency-key": `"${crypto.randomUUID()}"` } };
  const bought = await shop.issue({ "claim-type": CLAIM_TYPE }, keyed);
  assert.deepEqual((await shop.issue({ "claim-type": CLAIM_TYPE }, keyed)).body, bought.body);
  assert.equal(ledger().billed, after.billed + 1);
  assert.equal((await shop.issue({ "claim-type": "age_over18_france" }, keyed)).error.code, "idempotency_key_reused");
  assert.equal((await shop.create({}, keyed)).error.code, "idempotency_key_reused");
  const theirs = await bank.issue({ "claim-type": CLAIM_TYPE }, keyed);
  assert.equal(theirs.status, 200);
  assert.notEqual(theirs.body["privacy-pass-token"], bought.body["privacy-pass-token"]);
  assert.equal(ledger().billed, after.billed + 2);
});

test("T8 whoever has a token buys no more than its limit, by whatever way", async () => {
  const { bank } = scene;
  const answers = await Promise.all(Array.from({ length: 10 }, (_, index) => bank.issue({ "claim-type": CLAIM_TYPE }, index % 2 === 0 ? {} : { headers: { "idempotency-key": `"${crypto.randomUUID()}"` } })));
  assert.ok(answers.filter(({ status }) => status === 200).length <= 2);
  const { body: relay } = await bank.create();
  const refused = await bank.issue({ "relay-token": relay["relay-token"] });
  assert.deepEqual([refused.status, refused.error.code], [429, "purchase_limit_reached"]);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.equal((await scene.shop.issue({ "claim-type": CLAIM_TYPE })).status, 200);
});

testInWorkerd("T6 another Worker of the account whose binding names no caller, or claims to be one by what it sends, is refused", async (t) => {
  const { bindings, shop } = managedSecrets();
  const simulator = await startSimulator();
  const script = `export default { async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/fetch") return env.GATEWAY.fetch(new Request("http://gateway/relays", request));
    return Response.json(await env.GATEWAY[pathname.slice(1)](await request.json()));
  } };`;
  const names = [undefined, {}, { caller: "" }, { caller: null }, { caller: ["shop"] }, { caller: { toString: "shop" } }, { caller: "shop\n" }, { caller: "access:person:x" }, { caller: "a".repeat(65) }];
  const gateway = await startGateway({ upstream: simulator.url, bindings, bound: names.map((props) => ({ script, props })) });
  t.after(async () => (await gateway.close(), simulator.close()));
  const calls = { createRelay: { claimType: CLAIM_TYPE }, issuePrivacyPass: { claimType: CLAIM_TYPE }, redeemRelay: { relayToken: "relay_x" }, viewRelay: { relayToken: "relay_x" } };
  for (const index of names.keys()) {
    for (const [method, params] of Object.entries(calls)) {
      const result = await (await gateway.bound(index, `http://worker/${method}`, { method: "POST", body: JSON.stringify({ ...params, caller: "shop" }) })).json();
      assert.deepEqual([result.ok, result.error.statusCode, result.error.code], [false, 403, "caller_not_named"], JSON.stringify(names[index]));
    }
    const headers = { ...JSON_TYPE, authorization: `Bearer ${shop}`, "x-caller": "shop" };
    const answer = await gateway.bound(index, "http://worker/fetch", { method: "POST", headers, body: JSON.stringify(RELAY) });
    assert.equal(answer.status, 403, await answer.text());
  }
  assert.deepEqual(simulator.requests(), []);
});
