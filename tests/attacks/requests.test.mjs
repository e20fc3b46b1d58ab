/** Attacks by whoever can send a request, byte for byte. The numbers are those of docs/threat-model.md. */
import assert from "node:assert/strict";
import net from "node:net";
import { after, before, test } from "node:test";
import { description } from "../support/description.mjs";
import { rawRequest, requestText } from "../support/raw_http.mjs";
import { CLAIM_TYPE, PLAIN, complete, plainHeaders } from "../worker/support.mjs";
import { JSON_TYPE, RELAY, callOf, rawOfShop, startScene } from "./support.mjs";

let scene;
before(async () => (scene = await startScene()));
after(() => scene?.close());

/** Values that leave a path, end a header or a line, or are very long. */
const NASTY = [
  "..", ".", "../../v1/privacy-passes", "..\\..\\v1", "a/b", "a\\b", "a#b", "a?b", "a;b", "a:b", "a@b", "a%2fb", "%2e%2e", "%252e%252e", "a\tb", "a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "a b",
  "é", "☃", "\u202e", "\ud800", "x".repeat(10_000), "../".repeat(3000), "//evil.example/x", "https://evil.example/", "",
];
const PASS = "abcdefgh".repeat(20);

/** What came to the upstream meanwhile. */
async function during(work) {
  const from = scene.upstream.requests.length;
  await work();
  return scene.upstream.requests.slice(from);
}

/** No request to the upstream is any but the protocol's. */
function ordinary(requests) {
  for (const request of requests) {
    assert.notEqual(callOf(request), undefined, `${request.method} ${request.path}`);
    assert.equal(request.method, "POST");
    const names = Object.keys(request.headers).filter((name) => !/^(content-type|accept|authorization|persona-relay-secret|idempotency-key|key-inflection|host|connection|content-length|cf-worker|accept-encoding)$/.test(name));
    assert.deepEqual(names, [], request.path);
  }
}

test("T10 no parameter leaves its place in a path of Persona's API", async () => {
  const { secrets } = scene;
  const bodies = [
    (value) => ["/relays", { ...RELAY, "claim-type": value }],
    (value) => ["/relays/privacy-passes", { "claim-type": value }],
    (value) => ["/relays/privacy-passes", { "relay-token": value }],
    (value) => ["/relays/relay_x/redeem", { "privacy-pass-token": value }],
    (value) => ["/relays", { ...RELAY, "encryption-key-pem": value }],
  ];
  const requests = await during(async () => {
    for (const value of NASTY) {
      for (const body of bodies) {
        const [path, members] = body(value);
        for (const [port, bearer] of [[scene.open.port, "persona_production_simulator"], [scene.managed.port, secrets.shop]]) {
          const headers = { ...JSON_TYPE, authorization: `Bearer ${bearer}`, "persona-relay-secret": "secret" };
          const { status } = await rawRequest(port, requestText("POST", path, headers, JSON.stringify(members)));
          // A pass may be long; it travels as a header.
          const allowed = "privacy-pass-token" in members && /^[\w-]+$/.test(value) ? 404 : 400;
          assert.equal(status, allowed, `${path} ${JSON.stringify(members).slice(0, 100)}`);
        }
      }
      const segment = encodeURIComponent(value.isWellFormed() ? value : "\ufffd");
      for (const [method, path] of [["POST", `/relays/${segment}/redeem`], ["POST", `/relays/${segment}/privacy-pass/allow-again`], ["GET", `/relays/${segment}`]]) {
        const { status } = await rawOfShop(scene, method, path, {}, method === "GET" ? undefined : {});
        assert.ok(status >= 400 && status < 500 && status !== 401, `${status} ${path.slice(0, 100)}`);
      }
    }
  });
  assert.deepEqual(new Set(requests.map(({ path }) => path)), new Set(["/api/privacy/v1/relays/relay_x/generate-claim"]));
});

test("T10 nor does one that is written into the path as it is", async () => {
  const raw = ["..", ".", "../x", "..;", "a\\..\\b", "a#b", "a?b", "%2e%2e", "%2E.", "..%2f..%2fv1", "..%5c", "a%00b", "a%0d%0ab", "%c3%a9", "\u00e9", "a\tb", "x".repeat(10_000), "//evil.example"];
  const requests = await during(async () => {
    for (const value of raw) {
      for (const path of [`/relays/${value}/redeem`, `/relays/${value}`, `/${value}/relays`, `/relays/${value}/privacy-pass/allow-again`]) {
        const { status, json } = await rawOfShop(scene, "POST", path, {}, {}).catch(() => ({ status: 400, json: undefined })); // closed without an answer
        // What the runtime resolves may be the path of a relay, which there is not.
        assert.ok((status >= 400 && status < 500 && status !== 401) || json?.errors[0].code === "relay_not_found_yet", `${status} ${path.slice(0, 100)}`);
      }
    }
  });
  assert.deepEqual(requests, []);
});

test("T11 no header of ours, of Persona's or of the answer can be made by a caller", async () => {
  const { body: relay } = await scene.shop.create();
  const token = relay["relay-token"];
  await complete(scene.simulator, token);
  const lines = ["persona-relay-secret: a\r\nx-evil: 1", "persona-relay-secret: a\rx-evil: 1", "persona-relay-secret: a\0b", "idempotency-key: a\r\n x-evil: 1", "idempotency-key: \"a\\\r\nx-evil: 1\"", "x-evil : 1", "key-inflection: snake", "persona-version: 1999-01-01", "cf-worker: evil", "cookie: evil=1", "x-forwarded-for: 203.0.113.9"];
  const requests = await during(async () => {
    for (const line of lines) {
      const body = JSON.stringify({ "claim-type": CLAIM_TYPE });
      const text = `POST /relays/privacy-passes HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${scene.secrets.shop}\r\ncontent-type: application/json\r\n${line}\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
      const answer = await rawRequest(scene.managed.port, text).catch(() => undefined);
      assert.ok(answer === undefined || !Object.keys(answer.headers).some((name) => name.includes("evil")), line);
      await rawOfShop(scene, "POST", `/relays/${token}/redeem`, {}, { "privacy-pass-token": `${PASS}\r\nx-evil: 1` });
    }
    await scene.shop.redeem(token, {}, { headers: { "x-evil": "1", "accept-language": "en", "user-agent": "evil" } });
  });
  assert.ok(requests.length > 0);
  const anonymous = requests.filter((request) => callOf(request) !== "purchase");
  ordinary(anonymous);
  for (const { headers } of requests) {
    assert.ok(!JSON.stringify(headers).includes("evil"), JSON.stringify(headers));
    assert.notEqual(headers["persona-version"], "1999-01-01");
  }
});

test("T12 what is hidden in or behind a request is not carried out", async () => {
  const { secrets, managed, simulator } = scene;
  const inner = requestText("POST", "/relays", { ...JSON_TYPE, authorization: `Bearer ${secrets.bank}` }, JSON.stringify(RELAY));
  const head = `POST /healthz HTTP/1.1\r\nhost: x\r\n`;
  const shapes = {
    "CL and TE, as CL has it one request": `${head}content-length: ${inner.length + 5}\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${inner}`,
    "TE and CL": `${head}transfer-encoding: chunked\r\ncontent-length: ${inner.length + 5}\r\n\r\n0\r\n\r\n${inner}`,
    "two CLs": `${head}content-length: ${inner.length}\r\ncontent-length: 0\r\n\r\n${inner}`,
    "two CLs, the other way": `${head}content-length: 0\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`,
    "a list of CLs": `${head}content-length: 0, ${inner.length}\r\n\r\n${inner}`,
    "CL with a sign": `${head}content-length: +0\r\n\r\n${inner}`,
    "CL in hex": `${head}content-length: 0x0\r\n\r\n${inner}`,
    "TE with a tab": `${head}content-length: ${inner.length + 5}\r\ntransfer-encoding:\tchunked\r\n\r\n0\r\n\r\n${inner}`,
    "TE with a space before the colon": `${head}content-length: ${inner.length + 5}\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n${inner}`,
    "TE of another name": `${head}content-length: ${inner.length + 5}\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n${inner}`,
    "TE twice": `${head}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n${inner}`,
    "TE folded": `${head}content-length: ${inner.length + 5}\r\ntransfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n${inner}`,
    "a chunk size that is no number": `${head}transfer-encoding: chunked\r\n\r\nzz\r\n${inner}`,
    "a chunk size too large": `${head}transfer-encoding: chunked\r\n\r\n${"f".repeat(17)}\r\n${inner}`,
    "a bare LF": `${head}x: y\ncontent-length: 0\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`,
    "a bare CR": `${head}x: y\rcontent-length: 0\r\ncontent-length: ${inner.length}\r\n\r\n${inner}`,
    "a space before the first header": `POST /healthz HTTP/1.1\r\n host: x\r\ncontent-length: ${inner.length}\r\ncontent-length: 0\r\n\r\n${inner}`,
  };
  const passed = [];
  for (const [name, bytes] of Object.entries(shapes)) {
    const before = simulator.requests().length;
    const text = await until(managed.port, bytes);
    if (simulator.requests().length > before) passed.push(name);
    assert.ok(!text.includes("relay-secret"), name);
  }
  assert.deepEqual(passed, []);
  // Behind a request that ends where it says, it is one of its own, and would have been noticed.
  const before = simulator.requests().length;
  await until(managed.port, `${head}content-length: 0\r\n\r\n${inner}`);
  assert.equal(simulator.requests().length, before + 1);
  // What counts as one request is one: the second of a pipeline is asked of nobody else's authority.
  const two = await until(managed.port, requestText("GET", "/issuer-keys", { authorization: `Bearer ${secrets.shop}` }) + requestText("GET", "/issuer-keys", {}));
  assert.deepEqual(two.match(/HTTP\/1\.1 \d+/g)?.slice(0, 2), ["HTTP/1.1 200", "HTTP/1.1 401"]);
});

test("T12 neither the host nor an absolute target leads elsewhere", async () => {
  const requests = await during(async () => {
    for (const [target, host] of [["http://evil.example/relays", "evil.example"], ["/relays", "evil.example"], ["/relays", "evil.example:80@127.0.0.1"], ["/relays", "x/../../y"], ["https://evil.example/relays", "127.0.0.1"], ["//evil.example/relays", "x"], ["evil.example:443", "x"], ["*", "x"]]) {
      for (const extra of [{}, { "x-forwarded-host": "evil.example", "x-original-url": "/relays/privacy-passes", "x-rewrite-url": "/x", forwarded: "host=evil.example" }]) {
        const answer = await rawOfShop(scene, "POST", target, { host, ...extra }, RELAY).catch(() => undefined);
        assert.ok(answer === undefined || !/evil/.test(answer.text + JSON.stringify(answer.headers)), target);
      }
    }
  });
  ordinary(requests);
  for (const { headers, path } of requests) assert.deepEqual([headers.host, path], [new URL(scene.upstream.url).host, "/api/privacy/v1/relays"]);
});

test("T13 bodies without an end, slow ones and large ones hold nobody up", async (t) => {
  const { secrets, managed } = scene;
  const authorization = `Bearer ${secrets.bank}`;
  const sockets = Array.from({ length: 50 }, (_, index) => {
    const socket = net.connect(managed.port, "127.0.0.1").on("error", () => undefined);
    const framing = index % 2 === 0 ? { "content-length": "60000" } : { "transfer-encoding": "chunked" };
    socket.write(requestText("POST", "/relays", { ...JSON_TYPE, authorization, ...framing }));
    const drip = setInterval(() => socket.write(index % 2 === 0 ? "{" : "1\r\n{\r\n"), 20);
    return { socket, stop: () => (clearInterval(drip), socket.destroy()) };
  });
  t.after(() => sockets.forEach(({ stop }) => stop()));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const start = Date.now();
  for (let calls = 0; calls < 10; calls += 1) assert.equal((await scene.shop.create()).status, 200);
  assert.ok(Date.now() - start < 5000, `${Date.now() - start} ms for ten`);
  const chunk = `${(16 * 1024).toString(16)}\r\n${"x".repeat(16 * 1024)}\r\n`;
  const endless = await rawRequest(managed.port, [requestText("POST", "/relays", { ...JSON_TYPE, authorization, "transfer-encoding": "chunked" }), ...Array(6).fill(chunk)]);
  assert.deepEqual([endless.status, endless.json.errors[0].code], [413, "body_too_large"]);
});

test("T14 JSON that is deep, double, unknown, prototypes or slow to read", async () => {
  const deep = (open, close, times) => open.repeat(times) + close.repeat(times);
  const good = JSON.stringify(RELAY).slice(1, -1);
  const bodies = [
    deep("[", "]", 32_000), `{"claim-type":${deep("[", "]", 30_000)}}`, `{"x":${deep('{"x":', "}", 10_000).replace("}", "1}")}}`, `{${good},"claim-type":"age_over18_france"}`, `{${good},"\\u0063laim-type":"x"}`,
    `{${good},"__proto__":{"sandbox":true}}`, `{${good},"constructor":{"prototype":{"sandbox":true}}}`, `{${good},"relay-secret":"x"}`, `{${good},"":1}`, `{"__proto__":{${good}}}`, `[{${good}}]`, `{${good}}{${good}}`,
    `{"${"\\\\".repeat(32_000)}":1}`, `{"a":"${'\\"'.repeat(32_000)}"`, `{${'"a":1,'.repeat(9_000)}"a":1}`, `{${good},"x":${"9".repeat(60_000)}}`, `{${good},"x":1e${"9".repeat(5)}}`, "\ufeff{}", `{${good},}`, `{${good},"sandbox":"true"}`,
  ];
  const requests = await during(async () => {
    for (const body of bodies) {
      const start = Date.now();
      const { status } = await rawOfShop(scene, "POST", "/relays", {}, body);
      assert.equal(status, 400, body.slice(0, 80));
      assert.ok(Date.now() - start < 2000, `${Date.now() - start} ms: ${body.slice(0, 80)}`);
    }
  });
  assert.deepEqual(requests, []);
  assert.equal((await scene.shop.create()).status, 200);
});

test("T15 a page of another origin can neither call, nor read, nor be served anything", async () => {
  const markup = "<script>alert(1)</script>";
  const headers = { origin: "https://evil.example", "access-control-request-method": "POST", "access-control-request-headers": "authorization,content-type", "sec-fetch-site": "cross-site", referer: markup };
  const paths = [...Object.keys(description.paths), "/", `/${encodeURIComponent(markup)}`, `/relays/${encodeURIComponent(markup)}/redeem`].map((path) => path.replace(/\{[\w-]+\}/, "relay_x"));
  for (const path of paths) {
    const { headers: ofHead } = parsed(await until(scene.managed.port, requestText("HEAD", path, headers)));
    assert.deepEqual(plainHeaders({ headers: ofHead }), PLAIN, `HEAD ${path}`);
    for (const method of ["OPTIONS", "GET", "POST", "DELETE"]) {
      for (const more of [{}, { authorization: `Bearer ${markup}` }, { authorization: `Bearer ${scene.secrets.shop}` }]) {
        const body = method === "POST" ? JSON.stringify({ [markup]: markup }) : undefined;
        const answer = await rawRequest(scene.managed.port, requestText(method, path, { ...headers, ...(body === undefined ? {} : JSON_TYPE), ...more }, body));
        assert.deepEqual(plainHeaders(answer), PLAIN, `${method} ${path}`);
        assert.deepEqual(Object.keys(answer.headers).filter((name) => /^access-control-|^set-cookie$/.test(name)), [], `${method} ${path}`);
        if (method === "OPTIONS") assert.ok([404, 405].includes(answer.status), `${method} ${path}: ${answer.status}`);
        if (!more.authorization?.includes(scene.secrets.shop) && !["/healthz", "/openapi.json"].includes(path)) assert.ok(answer.status >= 400, `${method} ${path}`);
      }
    }
  }
  // What a form or an image can send without asking first is not taken, with a good token neither.
  for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]) {
    assert.equal((await rawOfShop(scene, "POST", "/relays", { "content-type": type }, JSON.stringify(RELAY))).status, 415, type);
  }
});

/** Writes bytes and reads what comes until it has been quiet for a while, or the connection ends. */
function until(port, bytes) {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    const done = () => (socket.destroy(), resolve(text));
    socket.on("data", (data) => ((text += data.toString("latin1")), socket.setTimeout(150)));
    socket.setTimeout(1000, done);
    socket.on("error", done).on("close", done);
  });
}

/** Status and headers of an answer's text. */
function parsed(text) {
  const [first = "", ...lines] = text.slice(0, text.indexOf("\r\n\r\n")).split("\r\n");
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  return { status: Number(first.split(" ")[1]), headers };
}
