/** Attacks by a Persona that is malicious, or by whoever answers in its place. The numbers are those of docs/threat-model.md. */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import zlib from "node:zlib";
import { badChallenges, badKeys } from "../sdk/hostile_offers.mjs";
import { challengeForms, offer } from "../sdk/support.mjs";
import { API_KEY, CLAIM_TYPE, complete } from "../worker/support.mjs";
import { JSON_TYPE, callOf, startScene } from "./support.mjs";

let scene;
before(async () => (scene = await startScene({ PERMISSIVE_ISSUER_KEYS: "true" })));
after(() => scene?.close());

/** A relay of the shop, its verification completed, and its pass if it is to have one. */
async function relay({ bought = false } = {}) {
  const { body } = await scene.shop.create();
  const token = body["relay-token"];
  await complete(scene.simulator, token);
  const pass = bought ? (await scene.shop.issue({ "relay-token": token })).body["privacy-pass-token"] : undefined;
  return { token, secret: body["relay-secret"], pass };
}

/** One of each kind of call, through both gateways. */
async function everyCall() {
  const own = await relay({ bought: true });
  return {
    own,
    calls: {
      "creation": () => scene.payer.create(),
      "creation, managed": () => scene.shop.create(),
      "purchase by claim type": () => scene.payer.issue({ "claim-type": CLAIM_TYPE }),
      "purchase by claim type, managed": () => scene.shop.issue({ "claim-type": CLAIM_TYPE }),
      "purchase by relay": () => scene.payer.issue({ "relay-token": own.token }, { secret: own.secret }),
      "redemption": () => scene.payer.redeem(own.token, { "privacy-pass-token": own.pass }, { secret: own.secret }),
      "redemption, managed": () => scene.shop.redeem(own.token),
    },
  };
}

function* repeating(piece) {
  for (;;) yield piece;
}

/** Would be taken for the answer, if it were read whole. */
const WHOLE = Buffer.from(JSON.stringify({ "relay-token": "relay_1", "relay-secret": "s", "relay-session-access-token": "a.b.c", x: "y".repeat(2 << 20) }));
const PACKED = zlib.gzipSync(WHOLE);

const LONG = {
  "too long, and the length announced": { of: () => Readable.from([WHOLE]), headers: { "content-length": WHOLE.length } },
  "too long, and the length announced that it has packed": { of: () => Readable.from([PACKED]), headers: { "content-length": PACKED.length, "content-encoding": "gzip" } },
  "very long": { of: () => Readable.from([Buffer.from(`{"x":"${"y".repeat(8 << 20)}"}`)]) },
  "without an end": { of: () => Readable.from(repeating(Buffer.alloc(65_536, "["))) },
  "a gzip bomb": { of: () => Readable.from(repeating(Buffer.alloc(1 << 20, "["))).pipe(zlib.createGzip()), headers: { "content-encoding": "gzip" } },
  "a brotli bomb": { of: () => Readable.from(repeating(Buffer.alloc(1 << 20, "["))).pipe(zlib.createBrotliCompress({ params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } })), headers: { "content-encoding": "br" } },
};

test("T17 an answer that is very long, endless or unpacks to very much is let go, and a purchase stays in doubt", async (t) => {
  let sent = 0;
  const long = ({ of, headers }, status) => (response) => {
    const body = of();
    response.on("close", () => body.destroy());
    body.on("data", (chunk) => (sent += chunk.length));
    response.writeHead(status, { ...JSON_TYPE, ...headers });
    body.pipe(response).on("error", () => undefined);
  };
  for (const [name, shape] of Object.entries(LONG)) {
    for (const status of [200, 422]) {
      scene.answering(t, (seen) => (callOf(seen) === "creation" ? long(shape, status) : undefined));
      sent = 0;
      const start = Date.now();
      for (const tenant of [scene.payer, scene.shop]) {
        const answer = await tenant.create();
        assert.deepEqual([answer.status, answer.error.code], status === 200 ? [502, "upstream_answer_invalid"] : [422, "upstream_rejected"], name);
      }
      assert.ok(Date.now() - start < 15_000, `${name}: ${Date.now() - start} ms`);
      assert.ok(sent < 128 << 20, `${name}: ${sent} bytes`);
    }
  }
  scene.answering(t, () => undefined);
  const { token } = await relay();
  const billed = scene.simulator.ledger().billed.total;
  scene.answering(t, (seen) => (callOf(seen) === "purchase" ? async (response) => {
    const { body } = await scene.forward(seen);
    response.writeHead(200, JSON_TYPE).end(body.replace("{", `{"x":"${"y".repeat(1 << 20)}",`));
  } : undefined));
  const doubtful = await scene.shop.issue({ "relay-token": token });
  assert.equal(doubtful.status, 502);
  assert.equal((await scene.shop.view(token)).body.purchase["in-doubt"], true);
  scene.answering(t, () => undefined);
  assert.equal((await scene.shop.issue({ "relay-token": token })).status, 200);
  assert.equal(scene.simulator.ledger().billed.total, billed + 1);
});

test("T19 secrets that an answer repeats are neither passed on nor logged", async (t) => {
  const { own, calls } = await everyCall();
  const secrets = { "API key": API_KEY, "gateway token": scene.secrets.shop, "relay secret": own.secret, pass: own.pass, "store key": scene.secrets.bindings.STORE_KEYS.slice(3) };
  const places = {
    title: (text) => ({ errors: [{ title: text, details: "d", code: "c" }] }),
    details: (text) => ({ errors: [{ title: "t", details: `before ${text} after`, code: "c" }] }),
    code: (text) => ({ errors: [{ title: "t", code: text }] }),
    meta: (text) => ({ errors: [{ title: "t", meta: { a: [{ [text]: text }] } }] }),
    "no place of the protocol's": (text) => ({ error: text, message: text }),
  };
  let repeated = 0;
  for (const [place, body] of Object.entries(places)) {
    for (const status of [400, 422, 500]) {
      scene.answering(t, (seen) => {
        const { authorization = "", "persona-relay-secret": secret = "" } = /** @type {Record<string, string>} */ (seen.headers);
        const text = [authorization.replace(/^\w+ (?:token=)?"?|"$/g, ""), secret].filter((part) => part !== "").join(" ");
        if (text === "") return undefined;
        repeated += 1;
        return { status, headers: { "request-id": text.slice(0, 120) }, body: body(text) };
      });
      for (const [name, call] of Object.entries(calls)) {
        // The tries after a 500 take their time, and are the same.
        if (status === 500 && place !== "details") continue;
        const { text, headers } = await call();
        for (const [what, value] of Object.entries(secrets)) {
          assert.ok(!(text + JSON.stringify([...headers])).includes(value.slice(0, 48)) || /"privacy-pass-token"/.test(text), `${name}: ${what} in ${place}`);
        }
      }
    }
  }
  assert.ok(repeated > 20);
  for (const gateway of [scene.open, scene.managed]) {
    for (const [what, value] of Object.entries(secrets)) assert.ok(!gateway.output().includes(value.slice(0, 48)), what);
  }
});

test("T20 T21 nothing is bought under an issuer key, or for a challenge, that fails a check", async (t) => {
  const offers = [
    ...Object.entries(badKeys).map(([name, tokenKey]) => [name, offer({ tokenKey }), "issuer_key_invalid"]),
    ...Object.entries(badChallenges).map(([name, [offered, code = "challenge_invalid"]]) => [name, offered, code]),
    ["2 MB long", offer({ raw: JSON.stringify({ mac: "m".repeat(2_000_000) }) }), "upstream_answer_invalid"],
    ["deep", offer({ raw: `${'{"x":'.repeat(100_000)}1` }), "challenge_invalid"],
  ];
  for (const [name, offered, code] of offers) {
    for (const form of Object.keys(challengeForms)) {
      // What can't stand in a header is no answer by relay.
      if (form === "by relay" && (/[^\x20-\x7e]/.test(offered.tokenKey) || offered.challenge.length + offered.tokenKey.length > 8000)) continue;
      const from = scene.upstream.requests.length;
      const { answer } = challengeForms[form];
      scene.answering(t, (seen) => (callOf(seen) === "challenge" ? answer(offered) : callOf(seen) === "purchase" ? { status: 500 } : undefined));
      const body = form === "by relay" ? [{ "relay-token": "relay_x" }, { secret: "secret" }] : [{ "claim-type": CLAIM_TYPE }];
      for (const tenant of form === "by relay" ? [scene.payer] : [scene.payer, scene.shop]) {
        const got = await tenant.issue(...body);
        assert.deepEqual([got.status, got.error.code], [502, code], `${form}: ${name}`);
      }
      assert.deepEqual(scene.upstream.requests.slice(from).map(callOf).filter((call) => call === "purchase"), [], `${form}: ${name}`);
    }
  }
});

test("T22 a created relay whose names lead elsewhere is not passed on", async (t) => {
  const good = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };
  const bad = [
    ...["../../v1/privacy-passes", "a/b", "a?b", "a#b", "..", "", 5, null, "é", "x".repeat(10_000), "a\r\nb"].map((value) => ({ "relay-token": value })),
    ...["a\r\nx-evil: 1", "a\0b", "", null, {}, "é"].map((value) => ({ "relay-secret": value })),
    { "relay-session-access-token": undefined }, { "relay-session-access-token": 5 },
  ];
  // Members that nobody asked for stay here, and so do headers.
  const more = { headers: { "set-cookie": "who=you", location: "https://evil.example/", "access-control-allow-origin": "*", "content-security-policy": "x" }, extra: "<script>" };
  scene.answering(t, (seen) => {
    const [, index] = /"bad_(\d+)"/.exec(seen.body) ?? [];
    return callOf(seen) === "creation" ? { headers: more.headers, body: { ...good, extra: more.extra, ...bad[Number(index)] } } : undefined;
  });
  // At once, for each is asked for several times.
  await Promise.all(bad.flatMap((members, index) => [scene.payer, scene.shop].map(async (tenant) => {
    const { status, error } = await tenant.create({ "claim-type": `bad_${index}` });
    assert.deepEqual([status, error.code], [502, "upstream_answer_invalid"], JSON.stringify(members).slice(0, 100));
  })));
  const { body, headers } = await scene.payer.create();
  assert.deepEqual(body, good);
  for (const name of Object.keys(more.headers)) assert.equal(headers.get(name), null);
});
