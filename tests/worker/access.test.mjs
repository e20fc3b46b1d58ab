/** Callers through Cloudflare Access: whom a JWT names, and every way in which it does not. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import http from "node:http";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets, send } from "./support.mjs";

const AUDIENCE = "a".repeat(64);
const secrets = managedSecrets();
let simulator, team, gateway;

before(async () => {
  simulator = await startSimulator();
  team = await startTeam();
  gateway = await startGateway({ upstream: simulator.url, bindings: settings(team) });
});
after(async () => {
  await gateway?.close();
  await team?.close();
  await simulator?.close();
});

const settings = ({ domain }) => ({ ...secrets.bindings, ACCESS_TEAM_DOMAIN: domain, ACCESS_AUD: AUDIENCE, PURCHASES_PER_DAY: "access:service:limited.access:1" });
const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

function newKey(kid) {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { kid, privateKey, publicKey, jwk: { ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" } };
}

/** A team of Access: what serves its keys, and signs. */
async function startTeam() {
  const open = newKey("open"); // does not say for which algorithm it is
  delete open.jwk.alg;
  const state = { keys: [newKey("one"), open], requests: [], status: 200 };
  const server = http.createServer(({ method, url, headers }, response) => {
    state.requests.push({ method, url, headers });
    response.writeHead(state.status, { "content-type": "application/json", location: "/elsewhere" });
    response.end(JSON.stringify({ keys: state.keys.map(({ jwk }) => jwk), public_certs: [] }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const domain = `127.0.0.1:${/** @type {any} */ (server.address()).port}`;
  const now = () => Math.floor(Date.now() / 1000);
  return Object.assign(state, {
    domain,
    issuer: `http://${domain}`,
    /** A JWT as Access makes it, with changes: what is `undefined` is left out. */
    jwt(claims = {}, { key = state.keys[0], header = {}, sign } = {}) {
      const payload = { aud: [AUDIENCE], iss: `http://${domain}`, iat: now(), nbf: now(), exp: now() + 60, type: "app", sub: "", ...claims };
      const input = `${base64url({ alg: "RS256", kid: key.kid, typ: "JWT", ...header })}.${base64url(payload)}`;
      const signature = sign === undefined ? crypto.sign("sha256", Buffer.from(input), key.privateKey) : sign(input);
      return `${input}.${signature.toString("base64url")}`;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  });
}

const RELAY = { "claim-type": CLAIM_TYPE, "encryption-key-pem": null };
/** Creates a relay with a JWT. */
const create = (assertion, more = {}, at = gateway) => send(`${at.url}/relays`, { body: RELAY, ...more, headers: { "cf-access-jwt-assertion": assertion, ...more.headers } });

test("a service token is a caller by its name, a person by a hash of their sub", async () => {
  const sub = "7335d417-61da-459d-899c-0a01c76a2f94";
  const hashed = (text) => crypto.createHash("sha256").update(text).digest("hex").slice(0, 32);
  for (const [claims, id] of [
    [{ common_name: "e367826f93b8d71185e03fe518aff3b4.access" }, "access:service:e367826f93b8d71185e03fe518aff3b4.access"],
    [{ common_name: "CN of, a certificate" }, `access:service:#${hashed("CN of, a certificate")}`],
    [{ sub, email: "someone@example.com" }, `access:person:${hashed(sub)}`],
    [{ sub, common_name: "shop" }, `access:person:${hashed(sub)}`],
    [{ common_name: "shop", aud: AUDIENCE }, "access:service:shop"],
  ]) {
    assert.equal((await create(team.jwt(claims))).status, 200, JSON.stringify(claims));
    await gateway.log(({ caller }) => caller === id);
  }
  assert.ok(!gateway.output().includes("someone@example.com") && !gateway.output().includes(sub));
});

test("it has relays and limits of its own, also when its name is that of a gateway token", async () => {
  const assertion = team.jwt({ common_name: "shop" });
  const headers = { "cf-access-jwt-assertion": assertion };
  const mine = (await create(assertion)).body["relay-token"];
  const issue = (body, jwt = assertion) => send(`${gateway.url}/relays/privacy-passes`, { body, headers: { ...headers, "cf-access-jwt-assertion": jwt } });
  assert.equal((await issue({ "relay-token": mine })).status, 200);
  assert.equal((await caller(gateway, secrets.shop).issue({ "relay-token": mine })).status, 404);
  const theirs = (await caller(gateway, secrets.shop).create()).body["relay-token"];
  assert.equal((await issue({ "relay-token": theirs })).status, 404);
  const limited = team.jwt({ common_name: "limited.access" });
  assert.equal((await issue({ "claim-type": CLAIM_TYPE }, limited)).status, 200);
  assert.equal((await issue({ "claim-type": CLAIM_TYPE }, limited)).error.code, "purchase_limit_reached");
  assert.equal((await issue({ "claim-type": CLAIM_TYPE })).status, 200);
});

test("the pass may come in Authorization, which no gateway token needs", async () => {
  const headers = { "cf-access-jwt-assertion": team.jwt({ common_name: "brings.its.pass" }) };
  const { body: relay } = await send(`${gateway.url}/relays`, { body: RELAY, headers });
  await complete(simulator, relay["relay-token"]);
  const { body: bought } = await send(`${gateway.url}/relays/privacy-passes`, { body: { "claim-type": CLAIM_TYPE }, headers });
  const pass = bought["privacy-pass-token"];
  const redeem = (body) => send(`${gateway.url}/relays/${relay["relay-token"]}/redeem`, { body, headers: { ...headers, authorization: `PrivateToken token="${pass}"` } });
  const differs = await redeem({ "privacy-pass-token": "bbbbbbbb" });
  assert.deepEqual([differs.status, differs.error.details.split(" ")[0]], [400, "privacy-pass-token"]);
  assert.equal((await redeem({})).status, 200);
  assert.equal((await redeem({ "privacy-pass-token": pass })).headers.get("idempotent-replayed"), "true");
});

test("without the header there is the gateway token", async () => {
  assert.equal((await caller(gateway, secrets.shop).create()).status, 200);
  assert.equal((await caller(gateway).create()).status, 401);
});

test("a bad JWT is 401, and a good gateway token beside it does not help", async () => {
  const stranger = newKey("one");
  const past = Math.floor(Date.now() / 1000) - 3600;
  const secretOf = (key) => key.publicKey.export({ type: "spki", format: "pem" });
  const good = team.jwt({ common_name: "x" });
  const [head, body, signature] = good.split(".");
  const bad = {
    empty: "",
    "no JWT": "x.y.z",
    "of another key": team.jwt({ common_name: "x" }, { key: stranger }),
    "of an unknown key": team.jwt({ common_name: "x" }, { key: newKey("unknown") }),
    expired: team.jwt({ common_name: "x", exp: past }),
    "without an end": team.jwt({ common_name: "x", exp: undefined }),
    "not yet good": team.jwt({ common_name: "x", nbf: past + 7200 }),
    "for another application": team.jwt({ common_name: "x", aud: ["b".repeat(64)] }),
    "for no application": team.jwt({ common_name: "x", aud: undefined }),
    "of another team": team.jwt({ common_name: "x", iss: "https://evil.cloudflareaccess.com" }),
    "of no team": team.jwt({ common_name: "x", iss: undefined }),
    "about nobody": team.jwt({ sub: "", common_name: "" }),
    "about no text": team.jwt({ sub: 7, common_name: ["x"] }),
    unsigned: team.jwt({ common_name: "x" }, { header: { alg: "none" }, sign: () => Buffer.alloc(0) }),
    "signed with the public key": team.jwt({ common_name: "x" }, { header: { alg: "HS256" }, sign: (input) => crypto.createHmac("sha256", secretOf(team.keys[0])).update(input).digest() }),
    "RS512": team.jwt({ common_name: "x" }, { key: team.keys[1], header: { alg: "RS512" }, sign: (input) => crypto.sign("sha512", Buffer.from(input), team.keys[1].privateKey) }),
    "PS256": team.jwt({ common_name: "x" }, { key: team.keys[1], header: { alg: "PS256" }, sign: (input) => crypto.sign("sha256", Buffer.from(input), { key: team.keys[1].privateKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }) }),
    "with its own key": team.jwt({ common_name: "x" }, { key: stranger, header: { jwk: stranger.jwk, kid: "x" } }),
    "altered": `${head}.${base64url({ ...JSON.parse(Buffer.from(body, "base64url").toString()), common_name: "y" })}.${signature}`,
    "without its signature": `${head}.${body}.`,
  };
  const seen = simulator.requests().length;
  for (const [what, assertion] of Object.entries(bad)) {
    for (const bearer of [undefined, secrets.shop]) {
      const answer = await create(assertion, bearer === undefined ? {} : { bearer });
      assert.deepEqual([answer.status, answer.error.code, answer.headers.get("www-authenticate")], [401, "unauthorized", "Cloudflare-Access"], what);
      assert.equal(answer.error.details.split(" ")[0], "cf-access-jwt-assertion");
    }
  }
  assert.equal(simulator.requests().length, seen);
  assert.equal((await create(good)).status, 200);
  assert.ok(!gateway.output().includes(signature));
});

test("the keys are fetched rarely, with nothing of the caller's", async () => {
  for (let calls = 0; calls < 5; calls += 1) assert.equal((await create(team.jwt({ common_name: "x" }), { bearer: secrets.shop, secret: "canary-secret" })).status, 200);
  // One for the unknown key of another test, perhaps.
  assert.ok(team.requests.length <= 4, String(team.requests.length));
  for (const { method, url, headers } of team.requests) {
    assert.deepEqual([method, url], ["GET", "/cdn-cgi/access/certs"]);
    assert.ok(!/authorization|cookie|assertion|canary/i.test(JSON.stringify(headers)), JSON.stringify(headers));
  }
});

test("a key that is new is fetched, and flooding with unknown ones does not flood the team", async (t) => {
  const own = await startTeam();
  t.after(() => own.close());
  const at = await startGateway({ upstream: simulator.url, bindings: settings(own) });
  t.after(() => at.close());
  assert.equal((await create(own.jwt({ common_name: "x" }), {}, at)).status, 200);
  const unknown = newKey("unknown");
  for (let calls = 0; calls < 20; calls += 1) assert.equal((await create(own.jwt({ common_name: "x" }, { key: unknown }), {}, at)).status, 401);
  assert.ok(own.requests.length <= 2, String(own.requests.length));
  own.keys.push(newKey("two"));
  await new Promise((resolve) => setTimeout(resolve, 5_500));
  assert.equal((await create(own.jwt({ common_name: "x" }, { key: own.keys[2] }), {}, at)).status, 200);
});

test("keys that can't be fetched let nobody in, and the operator is told", async (t) => {
  const own = await startTeam();
  t.after(() => own.close());
  const at = await startGateway({ upstream: simulator.url, bindings: settings(own) });
  t.after(() => at.close());
  for (const status of [500, 302, 404]) {
    own.status = status;
    const answer = await create(own.jwt({ common_name: "x" }), { bearer: secrets.shop }, at);
    assert.deepEqual([answer.status, answer.error.code], [503, "access_unavailable"], String(status));
    assert.ok(Number(answer.headers.get("retry-after")) > 0);
  }
  assert.deepEqual(new Set(own.requests.map(({ url }) => url)), new Set(["/cdn-cgi/access/certs"]));
  assert.match((await at.log(({ code }) => code === "access_unavailable")).mend.join(), /^ACCESS_TEAM_DOMAIN/);
  assert.equal((await caller(at, secrets.shop).create()).status, 200);
  own.status = 200;
  assert.equal((await create(own.jwt({ common_name: "x" }), {}, at)).status, 200);
});

test("where Access is not set up, its header means nothing", async (t) => {
  const plain = await startGateway({ upstream: simulator.url, bindings: secrets.bindings });
  t.after(() => plain.close());
  assert.equal((await create(team.jwt({ common_name: "x" }), {}, plain)).status, 401);
  assert.equal((await create("rubbish", { bearer: secrets.shop }, plain)).status, 200);
});
