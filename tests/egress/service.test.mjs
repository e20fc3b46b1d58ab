/** The Worker of egress/: what it takes, what it passes on and brings back, and that the gateway works behind it as without. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { execute } from "../commands/support/commands.mjs";
import { startEgress } from "../support/egress_worker.mjs";
import { startGateway } from "../support/gateway.mjs";
import { startScriptedUpstream } from "../support/scripted_upstream.mjs";
import { API_KEY, caller, complete, managedSecrets } from "../worker/support.mjs";

let simulator;
before(async () => (simulator = await startSimulator()));
after(() => simulator?.close());

const RELAYS = "/api/privacy/v1/relays";
const ALLOWED = [RELAYS, `${RELAYS}/challenge`, `${RELAYS}/relay_aZ0_-/generate-claim`];
const JSON_TYPE = { "content-type": "application/json" };

/** An egress in front of an upstream that answers what it is told to. @param {import("node:test").TestContext} t */
async function egressTo(t, react, path = "") {
  const upstream = await startScriptedUpstream(react);
  const egress = await startEgress({ upstream: upstream.url + path });
  t.after(async () => {
    await egress.close();
    await upstream.close();
  });
  const post = (target, { headers = JSON_TYPE, ...more } = {}) => fetch(egress.url + target, { method: "POST", headers, body: "{}", redirect: "manual", ...more });
  return { upstream, egress, post };
}

test("it takes the three anonymous calls, under its own base URL, and nothing else", async (t) => {
  const { upstream, post } = await egressTo(t, () => ({}), "/prefix/");
  for (const target of ALLOWED) assert.equal((await post(target)).status, 200, target);
  assert.deepEqual(upstream.requests.map(({ path }) => path), ALLOWED.map((target) => `/prefix${target}`));
  const others = [
    "/", "/api/v1/privacy-passes", "/prefix/api/v1/privacy-passes", `${RELAYS}/`, `${RELAYS}/relay_x`, `${RELAYS}/relay_x/generate-claim/`, `${RELAYS}/a/b/generate-claim`,
    `${RELAYS}/challenge/../../../v1/privacy-passes`, `${RELAYS}/..%2f/generate-claim`, `${RELAYS}/${"a".repeat(129)}/generate-claim`, `${RELAYS}?x=1`, `//elsewhere.example${RELAYS}`, `/x${RELAYS}`,
  ];
  for (const target of others) assert.equal((await post(target)).status, 400, target);
  for (const method of ["GET", "PUT", "DELETE", "OPTIONS"]) assert.equal((await post(RELAYS, { method, body: undefined })).status, 400, method);
  for (const authorization of [`Bearer ${API_KEY}`, API_KEY, "Basic eA=="]) {
    assert.equal((await post(RELAYS, { headers: { ...JSON_TYPE, authorization } })).status, 400, authorization);
  }
  assert.equal(upstream.requests.length, ALLOWED.length);
});

test("it passes on the headers of the protocol, and no other", async (t) => {
  const { upstream, post } = await egressTo(t, () => ({}));
  const ours = { ...JSON_TYPE, accept: "application/json", authorization: "PrivateToken token=x", "persona-relay-secret": "s", "idempotency-key": "k", "key-inflection": "kebab" };
  const theirs = { "user-agent": "shop.example", "x-forwarded-for": "203.0.113.7", "cf-connecting-ip": "203.0.113.7", "x-real-ip": "203.0.113.7", cookie: "shop=1", "accept-language": "en", "persona-version": "2025-10-27", traceparent: "00-1" };
  assert.equal((await post(ALLOWED[2], { headers: { ...ours, ...theirs } })).status, 200);
  const { "cf-worker": worker, host, "content-length": length, connection, ...rest } = upstream.requests[0]?.headers ?? {};
  assert.deepEqual(rest, ours);
  assert.deepEqual([worker, length, typeof host], ["outbound.example.com", "2", "string"]);
});

test("of the answer it brings back what the SDK reads, and of a redirect only that it was one", async (t) => {
  const headers = {
    "request-id": "req-1", "retry-after": "7", "ratelimit-reset": "9", "www-authenticate": 'PrivateToken challenge="x"',
    "set-cookie": "who=you", "x-powered-by": "test", server: "test", etag: '"1"', location: "https://elsewhere.example/",
  };
  const { upstream, post } = await egressTo(t, ({ body }) => ({ headers, ...JSON.parse(body) }));
  const answer = await post(RELAYS, { body: '{"status":401,"body":{"errors":[]}}' });
  assert.deepEqual([answer.status, await answer.text()], [401, '{"errors":[]}']);
  const names = [...answer.headers.keys()].filter((name) => !["content-length", "transfer-encoding", "date", "connection", "keep-alive", "content-encoding", "vary"].includes(name));
  assert.deepEqual(names.sort(), ["content-type", "ratelimit-reset", "request-id", "retry-after", "www-authenticate"]);
  for (const status of [301, 302, 303, 307, 308]) {
    const redirect = await post(RELAYS, { body: JSON.stringify({ status, body: "elsewhere" }) });
    assert.deepEqual([redirect.status, redirect.headers.get("location"), await redirect.text()], [status, null, ""]);
  }
  assert.equal(upstream.requests.length, 6);
});

test("it says nothing, not even when the upstream breaks off", async (t) => {
  const { egress, post } = await egressTo(t, ({ path }) => (path.endsWith("generate-claim") ? "reset" : {}));
  const secrets = { authorization: "PrivateToken token=canary-pass", "persona-relay-secret": "canary-secret", ...JSON_TYPE };
  assert.equal((await post(RELAYS, { headers: secrets })).status, 200);
  assert.ok((await post(`${RELAYS}/canary-relay/generate-claim`, { headers: secrets })).status >= 500);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.doesNotMatch(egress.output(), /canary|127\.0\.0\.1/);
});

test("a base URL that would send passes in the clear is refused", async (t) => {
  for (const upstream of ["http://persona.example", "persona.example", "https://a@persona.example", "https://persona.example/?x", "http://localhost.example"]) {
    const egress = await startEgress({ upstream });
    t.after(() => egress.close());
    assert.equal((await fetch(egress.url + RELAYS, { method: "POST", body: "{}" })).status, 500, upstream);
  }
});

test("behind it the gateway does what it does without: also when the answer is lost, a claim is spent once", async (t) => {
  const secrets = managedSecrets();
  const gateway = await startGateway({ upstream: simulator.url, bindings: secrets.bindings, egress: { upstream: simulator.url } });
  t.after(() => gateway.close());
  t.after(() => simulator.faults.reset());
  const shop = caller(gateway, secrets.shop);
  const { body: relay } = await shop.create();
  const token = relay["relay-token"];
  assert.equal((await shop.issue({ "relay-token": token })).status, 200);
  const early = await shop.redeem(token);
  assert.deepEqual([early.status, early.error.code], [409, "claim_not_ready"]);
  await complete(simulator, token);
  const before = simulator.summary().spent.total;
  simulator.faults.set([{ call: "redeem", fault: "drop-after", times: 2 }]);
  assert.equal((await shop.redeem(token)).status, 200);
  assert.equal((await shop.redeem(token)).headers.get("idempotent-replayed"), "true");
  assert.equal(simulator.summary().spent.total, before + 1);
  assert.equal((await shop.redeem("relay_unknown", {}, { secret: "x" })).status, 409, "no pass was bought for it");
});

test("in pass-through mode as well", async (t) => {
  const gateway = await startGateway({ upstream: "http://127.0.0.1:9", egress: { upstream: simulator.url } });
  t.after(() => gateway.close());
  // Its own base URL leads nowhere, so this went through the egress.
  assert.equal((await caller(gateway).create()).status, 200);
  assert.deepEqual(await (await fetch(`${gateway.url}/healthz`)).json(), { status: "ok", mode: "pass-through", egress: "service" });
});

test("it is small, and deploys without an address, logs or secrets", async () => {
  const lines = readFileSync(inRoot("egress/index.ts"), "utf8").trimEnd().split("\n");
  assert.ok(lines.length < 60, `${lines.length} lines`);
  assert.doesNotMatch(lines.join("\n"), /console|waitUntil|caches/);
  const toml = readFileSync(inRoot("egress/wrangler.toml"), "utf8");
  for (const setting of ["workers_dev = false", "preview_urls = false", "[observability]\nenabled = false"]) assert.ok(toml.includes(setting), setting);
  const command = ["run", "--silent", "deploy", "--", "--config", "egress/wrangler.toml", "--dry-run"];
  const { code, stdout, stderr } = await execute("npm", command, { env: { WRANGLER_SEND_METRICS: "false" } });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /No bindings found/);
});
