/** What bad input gets, over raw sockets where `fetch` would mend it first. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after, before, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { undescribed } from "../support/description.mjs";
import { rawRequest, requestText } from "../support/raw_http.mjs";
import { API_KEY, CLAIM_TYPE, PLAIN, managedSecrets, plainHeaders } from "./support.mjs";

let simulator, open, managed;
const secrets = managedSecrets();
const LIMIT = 64 * 1024;
const JSON_TYPE = { "content-type": "application/json" };
const RELAY = { "claim-type": CLAIM_TYPE, "encryption-key-pem": null };

before(async () => {
  simulator = await startSimulator();
  open = await startGateway({ upstream: simulator.url });
  managed = await startGateway({ upstream: simulator.url, bindings: secrets.bindings });
});
after(async () => {
  await open?.close();
  await managed?.close();
  await simulator?.close();
});

/** Sends to both gateways, authorized, and checks that both refuse alike and that upstream was not asked. */
async function refused(method, path, { headers = {}, body, bytes } = {}) {
  const seen = simulator.requests().length;
  const answers = [];
  for (const [{ port }, bearer] of [[open, API_KEY], [managed, secrets.shop]]) {
    const head = requestText(method, path, { authorization: `Bearer ${bearer}`, ...headers }, body);
    answers.push(await rawRequest(port, bytes === undefined ? head : [head, bytes].flat()));
  }
  assert.equal(simulator.requests().length, seen, "upstream was asked");
  for (const answer of answers) {
    assert.deepEqual(plainHeaders(answer), PLAIN);
    assert.deepEqual(undescribed({ method, path: path.split("?")[0], ...answer }), []);
    assert.deepEqual(Object.keys(answer.json), ["errors"]);
    const [{ title, details, code, ...rest }] = answer.json.errors;
    assert.deepEqual(rest, {});
    assert.ok(typeof title === "string" && typeof code === "string" && (details === undefined || typeof details === "string"));
  }
  assert.equal(answers[0].status, answers[1].status);
  assert.equal(answers[0].text, answers[1].text);
  const [{ status, headers: received, json }] = answers;
  return { status, headers: received, error: json.errors[0] };
}

const post = (path, body, headers = {}) => refused("POST", path, { headers: { ...JSON_TYPE, ...headers }, body: typeof body === "string" ? body : JSON.stringify(body) });

test("404 for a path that is not there", async () => {
  for (const path of ["/", "/relay", "/relays/", "/RELAYS", "//relays", "/relays/x/redeem/", "/relays/x/y/redeem", "/relays/privacy-passes/", "/healthz/", "/favicon.ico", "/relays%2Fprivacy-passes", "/%72elays"]) {
    const { status, error } = await post(path, RELAY);
    assert.deepEqual([status, error.code], [404, "not_found"], path);
  }
});

test("405 with Allow for a method that the path does not have", async () => {
  for (const [path, allow] of [["/relays", "POST"], ["/relays/privacy-passes", "POST"], ["/relays/x/redeem", "POST"], ["/healthz", "GET, HEAD"]]) {
    for (const method of ["PUT", "PATCH", "DELETE", "OPTIONS", path === "/healthz" ? "POST" : "GET"]) {
      const { status, headers, error } = await refused(method, path);
      assert.deepEqual([status, headers.allow, error.code], [405, allow, "method_not_allowed"], `${method} ${path}`);
    }
  }
});

test("415 for a body that does not say it is JSON", async () => {
  const body = JSON.stringify(RELAY);
  for (const headers of [
    {},
    { "content-type": "text/plain" },
    { "content-type": "application/x-www-form-urlencoded" },
    { "content-type": "application/jsonp" },
    { "content-type": "text/json, application/json" },
    { "content-type": "application/json; charset=iso-8859-1" },
    { ...JSON_TYPE, "content-encoding": "gzip" },
  ]) {
    for (const path of ["/relays", "/relays/privacy-passes", "/relays/relay_x/redeem"]) {
      const { status, error } = await refused("POST", path, { headers: { ...headers, "persona-relay-secret": "s" }, body });
      assert.deepEqual([status, error.code], [415, "unsupported_media_type"], `${path} ${JSON.stringify(headers)}`);
    }
  }
});

test("content types that are JSON are taken", async () => {
  for (const type of ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"', "application/json ; version=1"]) {
    const answer = await rawRequest(open.port, requestText("POST", "/relays", { "content-type": type }, JSON.stringify(RELAY)));
    assert.equal(answer.status, 200, type);
  }
});

test("413 over 64 KiB, announced or chunked; 64 KiB are read", async () => {
  const large = JSON.stringify({ ...RELAY, padding: "x".repeat(LIMIT) });
  for (const path of ["/relays", "/relays/privacy-passes", "/relays/relay_x/redeem"]) {
    assert.deepEqual((await post(path, large)).status, 413);
    const chunk = `${(16 * 1024).toString(16)}\r\n${"x".repeat(16 * 1024)}\r\n`;
    const chunked = await refused("POST", path, { headers: { ...JSON_TYPE, "transfer-encoding": "chunked" }, bytes: [...Array(5).fill(chunk), "0\r\n\r\n"] });
    assert.deepEqual([chunked.status, chunked.error.code], [413, "body_too_large"]);
    // Nobody waits for an end that never comes.
    const endless = await refused("POST", path, { headers: { ...JSON_TYPE, "transfer-encoding": "chunked" }, bytes: Array(5).fill(chunk) });
    assert.equal(endless.status, 413);
    const lying = await refused("POST", path, { headers: { ...JSON_TYPE, "content-length": String(1 << 30) }, bytes: "{" });
    assert.equal(lying.status, 413);
  }
  const exact = JSON.stringify(RELAY).padEnd(LIMIT);
  assert.equal((await rawRequest(open.port, requestText("POST", "/relays", JSON_TYPE, exact))).status, 200);
  assert.equal((await post("/relays", `${exact} `)).status, 413);
});

test("a chunked body that fits is read", async () => {
  const text = JSON.stringify(RELAY);
  const chunks = [...text].map((char) => `1\r\n${char}\r\n`);
  const answer = await rawRequest(open.port, [requestText("POST", "/relays", { ...JSON_TYPE, "transfer-encoding": "chunked" }), ...chunks, "0\r\n\r\n"]);
  assert.equal(answer.status, 200);
});

test("400 for a body that is not JSON", async () => {
  for (const body of ["{", "{'a':1}", "{\"a\":1}{", "undefined", "NaN", "\u0000", "{\"a\":1,}"]) {
    for (const path of ["/relays", "/relays/privacy-passes", "/relays/relay_x/redeem"]) {
      const { status, error } = await post(path, body);
      assert.deepEqual([status, error.code], [400, "body_not_json"], body);
    }
  }
  for (const bytes of [[0x22, 0xff, 0x22], [0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x3a, 0x31, 0x7d], [0xff, 0xfe, 0x7b, 0x00, 0x7d, 0x00]]) {
    const { status, error } = await refused("POST", "/relays", { headers: { ...JSON_TYPE, "content-length": String(bytes.length) }, bytes: Buffer.from(bytes) });
    assert.deepEqual([status, error.code], [400, "body_not_json"]);
  }
  for (const path of ["/relays", "/relays/privacy-passes"]) assert.equal((await post(path, "")).error.code, "body_not_json");
});

test("400 for JSON that is not an object", async () => {
  for (const body of ["null", "[]", "1", "\"text\"", "true", `[${JSON.stringify(RELAY)}]`]) {
    for (const path of ["/relays", "/relays/privacy-passes", "/relays/relay_x/redeem"]) {
      const { status, error } = await post(path, body);
      assert.deepEqual([status, error.code], [400, "body_not_object"], body);
    }
  }
});

/** 400, with the field named first. */
async function namesField(field, path, body, headers) {
  const { status, error } = await post(path, body, headers);
  assert.deepEqual([status, error.code], [400, "parameter_invalid"], JSON.stringify(body).slice(0, 100));
  assert.equal(error.details.split(" ")[0], field, error.details);
}

test("400 names a field of POST /relays that is missing, of another type or malformed", async () => {
  for (const value of [undefined, null, 1, {}, [], true, "", "../relays", "a b", "a/b", "a?b", "a\nb", "ä", "x".repeat(5000)]) {
    await namesField("claim-type", "/relays", { ...RELAY, "claim-type": value });
  }
  for (const value of [1, "yes", "true", null, {}]) await namesField("sandbox", "/relays", { ...RELAY, sandbox: value });
  for (const value of [undefined, 1, {}, [], false]) await namesField("encryption-key-pem", "/relays", { ...RELAY, "encryption-key-pem": value });
  await namesField("__proto__", "/relays", '{"__proto__":{"claim-type":"x"},"encryption-key-pem":null}');
});

const ROUTES = [
  ["/relays", RELAY],
  ["/relays/privacy-passes", { "claim-type": CLAIM_TYPE }],
  ["/relays/relay_x/redeem", { "privacy-pass-token": "abcdefgh" }],
];

test("400 names a member that is not expected", async () => {
  const headers = { "persona-relay-secret": "s" };
  for (const [path, body] of ROUTES) {
    for (const name of ["x", "claimType", "Claim-Type", "sandbox ", "constructor", "claim-type:", 'a"b', "toString"]) {
      await namesField(/^\S+$/.test(name) ? name : "member", path, { ...body, [name]: 1 }, headers);
    }
    await namesField("x", path, { x: { "claim-type": "y" }, ...body }, headers);
    await namesField("member", path, { ...body, "": null }, headers);
    await namesField("member", path, { ...body, ["x".repeat(65)]: null }, headers);
  }
  await namesField("relay-secret", "/relays/privacy-passes", { "claim-type": CLAIM_TYPE, "relay-secret": "s" });
  await namesField("relay-token", "/relays/relay_x/redeem", { "relay-token": "relay_x" }, headers);
  const allowed = requestText("POST", "/relays/relay_x/privacy-pass/allow-again", { ...JSON_TYPE, authorization: `Bearer ${secrets.shop}` }, '{"x":1}');
  assert.match((await rawRequest(managed.port, allowed)).json.errors[0].details, /^x is not expected: this takes no members/);
});

test("400 names a member that is there twice, however it is written", async () => {
  const headers = { "persona-relay-secret": "s" };
  for (const [path, body] of ROUTES) {
    const [[name, value]] = Object.entries(body);
    const rest = JSON.stringify(body).slice(1);
    for (const first of [JSON.stringify(name), `"${name}"\n\t `, `"\\u00${name.charCodeAt(0).toString(16)}${name.slice(1)}"`]) {
      for (const other of [JSON.stringify(value), '"other"', "null", '{"a":["]",{"b":"\\"}"}]}']) {
        await namesField(name, path, `{${first}:${other},${rest}`, headers);
      }
    }
  }
});

test("what only looks like a second member is none", async () => {
  const value = `","claim-type":"x","encryption-key-pem":"}{][:\\`;
  const { status, error } = await post("/relays", JSON.stringify({ "encryption-key-pem": value, "claim-type": CLAIM_TYPE }));
  assert.deepEqual([status, error.details.split(" ")[0]], [400, "encryption-key-pem"]);
  assert.doesNotMatch(error.details, /twice|expected: this/);
});

test("400 for an encryption key that is not RSA of 2048 to 4096 bits in PEM", async () => {
  const pem = (type, options) => crypto.generateKeyPairSync(type, options).publicKey.export({ type: "spki", format: "pem" });
  const good = pem("rsa", { modulusLength: 2048 });
  for (const value of [
    "",
    "hello",
    "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n",
    good.slice(0, -40),
    good.replace(/[A-Za-z]/, "!"),
    pem("rsa", { modulusLength: 1024 }),
    pem("ec", { namedCurve: "P-256" }),
    pem("ed25519"),
    crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
  ]) {
    await namesField("encryption-key-pem", "/relays", { ...RELAY, "encryption-key-pem": value });
  }
});

test("400 names a field of POST /relays/privacy-passes", async () => {
  const path = "/relays/privacy-passes";
  await namesField("claim-type", path, {});
  for (const value of [1, null, {}, "", "a/b", "..", "a b"]) await namesField("claim-type", path, { "claim-type": value });
  await namesField("sandbox", path, { "claim-type": CLAIM_TYPE, sandbox: "true" });
  for (const value of [1, null, "", "..", "../../../v1/privacy-passes?", "a/b", "a%2Fb", "a b", "é", "x".repeat(129)]) {
    await namesField("relay-token", path, { "relay-token": value }, { "persona-relay-secret": "s" });
  }
  await namesField("relay-token", path, { "relay-token": "relay_x", "claim-type": CLAIM_TYPE }, { "persona-relay-secret": "s" });
});

test("400 names what a redemption lacks in pass-through mode", async () => {
  const redeem = async (body, headers) => {
    const { status, json } = await rawRequest(open.port, requestText("POST", "/relays/relay_x/redeem", { ...JSON_TYPE, ...headers }, JSON.stringify(body)));
    assert.equal(status, 400);
    return json.errors[0].details.split(" ")[0];
  };
  const secret = { "persona-relay-secret": "s" };
  assert.equal(await redeem({}, {}), "persona-relay-secret");
  assert.equal(await redeem({ "privacy-pass-token": "abcdefgh" }, { "persona-relay-secret": "" }), "persona-relay-secret");
  assert.equal(await redeem({ "privacy-pass-token": "abcdefgh" }, { "persona-relay-secret": "s\u00e9cret" }), "persona-relay-secret");
  assert.equal(await redeem({}, secret), "privacy-pass-token");
  for (const value of ["", 1, null, "a b", "é", "a\r\nx: y"]) assert.equal(await redeem({ "privacy-pass-token": value }, secret), "privacy-pass-token");
  for (const authorization of ["PrivateToken", "PrivateToken token", "PrivateToken token=", 'PrivateToken token="x', "PrivateToken x=y", "PrivateToken token=a b", `Bearer ${API_KEY}`]) {
    assert.equal(await redeem({}, { ...secret, authorization }), "privacy-pass-token", authorization);
  }
  assert.equal(await redeem({ "privacy-pass-token": "aaaaaaaa" }, { ...secret, authorization: "PrivateToken token=bbbbbbbb" }), "privacy-pass-token");
  const issue = await rawRequest(open.port, requestText("POST", "/relays/privacy-passes", { ...JSON_TYPE, authorization: `Bearer ${API_KEY}` }, '{"relay-token":"relay_x"}'));
  assert.equal(issue.json.errors[0].details.split(" ")[0], "persona-relay-secret");
});

test("no relay token leaves its path segment", async () => {
  const body = { "privacy-pass-token": "abcdefgh" };
  const headers = { "persona-relay-secret": "s" };
  const segments = ["..%2f..%2fv1%2fprivacy-passes", "%2e%2e%2fx", "a%2Fb", "a%5Cb", "a%3Fb", "a%23b", "a%00b", "a%0d%0aX:%20y", "a%09b", "a%20b", "a+b", "a.b", "...", "a;b", "a:b", "a@b", "%C3%A9", "%252e%252e", "%", "%zz", "%ff", "", "x".repeat(129), "x".repeat(10_000), "a~b", "a*b", "a=b", "'", "(a)"];
  for (const segment of segments) await namesField("relay-token", `/relays/${segment}/redeem`, body, headers);
  // The runtime resolves these before the Worker sees them, and what they become is no route.
  for (const path of ["/relays/../redeem", "/relays/%2e%2e/redeem", "/relays/.%2E/redeem", "/relays/..\\redeem", "/relays/a/../../redeem", "/relays/x\\y/redeem", "/relays/x/..%2fredeem"]) {
    assert.equal((await post(path, body, headers)).status, 404, path);
  }
  // In managed mode there is such a route, for GET: of the relay "redeem".
  const text = requestText("POST", "/relays/./redeem", { ...JSON_TYPE, ...headers, authorization: `Bearer ${secrets.shop}` }, JSON.stringify(body));
  assert.deepEqual([(await rawRequest(open.port, text)).status, (await rawRequest(managed.port, text)).status], [404, 405]);
});

test("a relay token that is percent-encoded without need is the same token", async () => {
  const created = await rawRequest(open.port, requestText("POST", "/relays", JSON_TYPE, JSON.stringify(RELAY)));
  const encoded = created.json["relay-token"].replace("relay", "%72elay");
  const answer = await rawRequest(open.port, requestText("POST", `/relays/${encoded}/redeem`, { ...JSON_TYPE, "persona-relay-secret": created.json["relay-secret"] }, '{"privacy-pass-token":"abcdefgh"}'));
  assert.notEqual(answer.json.errors[0].code, "relay_not_found");
  assert.notEqual(answer.status, 404);
});

test("the query of a request goes nowhere", async () => {
  const from = simulator.requests().length;
  const answer = await rawRequest(open.port, requestText("POST", "/relays?x=/../../v1", JSON_TYPE, JSON.stringify(RELAY)));
  assert.equal(answer.status, 200);
  assert.deepEqual(simulator.requests().slice(from).map(({ target }) => target), ["/api/privacy/v1/relays"]);
});

test("after all that the gateways serve, and their logs quote nothing", async () => {
  for (const [{ port }, bearer] of [[open, API_KEY], [managed, secrets.shop]]) {
    const answer = await rawRequest(port, requestText("POST", "/relays", { ...JSON_TYPE, authorization: `Bearer ${bearer}` }, JSON.stringify(RELAY)));
    assert.equal(answer.status, 200);
  }
  for (const gateway of [open, managed]) {
    assert.ok(gateway.logs().every(({ status }) => status < 500), gateway.output());
    for (const text of [API_KEY, secrets.shop, "abcdefgh", "v1/privacy-passes?", "%2f", "xxxxxxxxxx"]) assert.ok(!gateway.output().includes(text), text);
  }
});
