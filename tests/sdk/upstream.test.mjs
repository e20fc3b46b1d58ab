/** An upstream that lies: nothing is bought on a bad challenge, nothing is trusted that can be checked. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { Readable } from "node:stream";
import { test } from "node:test";
import zlib from "node:zlib";
import { badChallenges, badKeys, json, spki } from "./hostile_offers.mjs";
import { CLAIM_TYPE, PURCHASE_PATH, Persona, challengeForms, failure, inSeconds, library, offer, rsaKey, scriptedFetch, useSimulator, useUpstream } from "./support.mjs";

const simulator = await useSimulator();

/** Asks for a pass of an upstream that offers this; the purchase is answered with `bought`. */
async function buy(form, offered, bought = { status: 422 }) {
  const { params, answer } = challengeForms[form];
  const script = scriptedFetch((path) => (path === PURCHASE_PATH ? bought : answer(offered)));
  const error = await failure(new Persona({ apiKey: "persona_production_x", ...script, maxRetries: 2 }).relays.issuePrivacyPass(params));
  return { error, purchases: script.asked.filter(({ path }) => path === PURCHASE_PATH).length, asked: script.asked.length };
}

test("a challenge that fails a check: nothing is bought, nothing is asked again", async (t) => {
  for (const form of Object.keys(challengeForms)) {
    for (const [name, [offered, code = "challenge_invalid"]] of Object.entries(badChallenges)) {
      await t.test(`${form}: ${name}`, async () => {
        const { error, asked } = await buy(form, offered);
        assert.equal(error.code, code);
        assert.equal(error.statusCode, 502);
        assert.equal(error.origin, "upstream");
        assert.equal(asked, 1);
      });
    }
  }
});

test("a challenge that passes: odd, but right", async () => {
  for (const offered of [offer({ raw: '{"mac":"m"}' }), offer({ raw: ' \n{"x":[{"mac":""}],"mac":"m"}\n' }), offer(json({ expires_at: inSeconds(-30) })), offer(json({ expires_at: "2999-01-01T00:00:00+02:00" })), { ...offer(), challenge: `${Buffer.from('{"mac":"mm"} ').toString("base64")}` }]) {
    for (const form of Object.keys(challengeForms)) assert.equal((await buy(form, offered)).purchases, 1);
  }
});

test("an issuer key that fails a check: nothing is bought", async (t) => {
  for (const [name, tokenKey] of Object.entries(badKeys)) {
    await t.test(name, async () => {
      for (const form of ["by claim type"].concat(name === "PEM" ? [] : ["by relay"])) {
        const { error, asked } = await buy(form, offer({ tokenKey }));
        assert.equal(error.code, "issuer_key_invalid");
        assert.equal(error.statusCode, 502);
        assert.equal(asked, 1);
      }
    });
  }
});

test("issuer keys at the edge of what is allowed", async () => {
  const { n } = rsaKey().publicKey.export({ format: "jwk" });
  for (const e of [[3], [1, 0, 1], [1, 0, 0, 0, 1]]) assert.equal((await buy("by claim type", offer({ tokenKey: spki(Buffer.from(n, "base64url"), e) }))).purchases, 1);
});

test("a blind signature that does not verify: told, and not bought again", async (t) => {
  const lies = {
    random: (bytes) => crypto.randomBytes(bytes.length).fill(0, 0, 1),
    "one bit off": (bytes) => (bytes.writeUInt8(bytes.at(-1) ^ 1, bytes.length - 1), bytes),
    zero: (bytes) => bytes.fill(0),
    "above the modulus": (bytes) => bytes.fill(0xff),
  };
  for (const [name, lie] of Object.entries(lies)) {
    await t.test(name, async () => {
      const fault = async (exchange, next) => {
        const answer = await next();
        if (exchange.call !== "purchase") return answer;
        return { ...answer, body: { blindSig: lie(Buffer.from(answer.body.blindSig, "base64url")).toString("base64url") } };
      };
      const { result: error, requests } = await simulator.during(fault, () => failure(simulator.client().relays.issuePrivacyPass({ claimType: CLAIM_TYPE })));
      assert.equal(error.code, "blind_signature_invalid");
      assert.equal(error.statusCode, 502);
      assert.match(error.details, /billed/);
      assert.equal(requests.filter(({ call }) => call === "purchase").length, 1);
    });
  }
});

test("the signature of another blinded token", async () => {
  let first;
  const fault = async (exchange, next) => {
    const answer = await next();
    if (exchange.call !== "purchase") return answer;
    first ??= answer;
    return first;
  };
  const { relays } = simulator.client();
  const { result: error } = await simulator.during(fault, async () => (await relays.issuePrivacyPass({ claimType: CLAIM_TYPE }), failure(relays.issuePrivacyPass({ claimType: CLAIM_TYPE }))));
  assert.equal(error.code, "blind_signature_invalid");
});

test("a created relay whose names could lead elsewhere", async () => {
  const good = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };
  for (const bad of [{ "relay-token": "../../v1" }, { "relay-token": "" }, { "relay-token": 5 }, { "relay-secret": "a\r\nb: c" }, { "relay-secret": "" }, { "relay-secret": null }, { "relay-session-access-token": undefined }]) {
    const { fetch } = scriptedFetch(() => ({ body: { ...good, ...bad } }));
    const error = await failure(new Persona({ fetch, maxRetries: 0 }).relays.create({ claimType: CLAIM_TYPE }));
    assert.equal(error.code, "upstream_answer_invalid", JSON.stringify(bad));
  }
});

test("bodies of more than 1 MiB are not read", async () => {
  const answer = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };
  let body;
  const upstream = await useUpstream(({ path }) => ({ status: path.includes("v1/relays/") ? 500 : 200, body }));
  const { relays } = new Persona({ baseUrl: upstream.url, maxRetries: 0 });
  const padded = (length) => JSON.stringify({ ...answer, x: "" }).replace('"x":""', `"x":"${"y".repeat(length)}"`);
  body = padded(1_000_000);
  assert.equal((await relays.create({ claimType: CLAIM_TYPE })).relayToken, "relay_x");
  for (const length of [1_048_577, 20_000_000]) {
    body = padded(length);
    assert.equal((await failure(relays.create({ claimType: CLAIM_TYPE }))).code, "upstream_answer_invalid");
  }
  body = JSON.stringify({ errors: [{ title: "T".repeat(2_000_000) }] });
  const error = await failure(relays.generateClaim({ relayToken: "relay_x", relaySecret: "s", privacyPassToken: "cGFzcw" }));
  assert.equal(error.code, "upstream_unavailable");
  assert.ok(error.title.length < 100);
});

test("nor is one that can only be read in one piece", async () => {
  const answer = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c", x: "" };
  let text = JSON.stringify(answer);
  const { relays } = new Persona({ maxRetries: 0, fetch: async () => ({ status: 200, headers: new Headers(), text: async () => text }) });
  text = text.padEnd(1 << 20);
  assert.equal((await relays.create({ claimType: CLAIM_TYPE })).relayToken, "relay_x");
  text += " ";
  assert.equal((await failure(relays.create({ claimType: CLAIM_TYPE }))).code, "upstream_answer_invalid");
});

test("a body without an end, or one that unpacks to very much, is let go", async () => {
  const bodies = {
    "without an end": { headers: {}, of: () => Readable.from(repeating(Buffer.alloc(65_536, "["))) },
    "gzip": { headers: { "content-encoding": "gzip" }, of: () => Readable.from(repeating(Buffer.alloc(1 << 20, "["))).pipe(zlib.createGzip()) },
  };
  let sent = 0;
  let ended;
  let form;
  const upstream = await useUpstream(() => (response) => {
    const body = form.of();
    ended = new Promise((resolve) => response.on("close", resolve));
    response.on("close", () => body.destroy());
    body.on("data", (chunk) => (sent += chunk.length));
    response.writeHead(200, { "content-type": "application/json", ...form.headers });
    body.pipe(response).on("error", () => undefined);
  });
  for (const [name, its] of Object.entries(bodies)) {
    form = its;
    sent = 0;
    const start = Date.now();
    const error = await failure(new Persona({ baseUrl: upstream.url, maxRetries: 0 }).relays.create({ claimType: CLAIM_TYPE }));
    assert.equal(error.code, "upstream_answer_invalid", name);
    await ended;
    assert.ok(Date.now() - start < 5000, name); // a call may take 10 s
    assert.ok(sent < 32 << 20, `${name}: ${sent} bytes`); // what is in the buffers on the way
  }
});

test("a purchase whose answer is too long is in doubt: asked again with the same bytes and the same key", async () => {
  const fault = async (exchange, next) => {
    const answer = await next();
    if (exchange.call !== "purchase") return answer;
    return cut ? { ...answer, body: { ...answer.body, x: "y".repeat(1 << 20) } } : answer;
  };
  let cut = true;
  const { relays } = simulator.client({ maxRetries: 1 });
  let kept;
  const record = { read: async () => kept, write: async (text, version) => (kept?.version === version ? (kept = { text, version: String(Number(version ?? 0) + 1) }).version : undefined) };
  const billed = simulator.ledger().billed.total;
  const { requests } = await simulator.during(fault, async () => {
    const error = await failure(relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { record }));
    assert.equal(error.code, "upstream_answer_invalid");
    assert.equal(library.describePurchase(kept.text).inDoubt, true);
    cut = false;
    assert.ok((await relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { record })).privacyPassToken);
  });
  const purchases = requests.filter(({ call }) => call === "purchase");
  assert.ok(purchases.length > 1);
  assert.equal(new Set(purchases.map(({ body }) => body)).size, 1);
  assert.equal(simulator.ledger().billed.total, billed + 1);
});

/** @param {Buffer} piece */
function* repeating(piece) {
  for (;;) yield piece;
}

test("error bodies of odd shapes are an error with a title and a code all the same", async () => {
  const shapes = [
    "", "null", "[]", "5", '"x"', "{}", '{"errors":null}', '{"errors":{}}', '{"errors":[]}', '{"errors":[null]}', '{"errors":["x"]}', '{"errors":[5]}', '{"errors":[{}]}', '{"errors":[[]]}',
    '{"errors":[{"title":5}]}', '{"errors":[{"title":null,"details":null,"code":null,"meta":null}]}', '{"errors":[{"meta":[1]}]}', '{"errors":[{"meta":"x"}]}', '{"errors":[{"title":"a","title":"b"}]}',
    "<html>", "{", '{"errors":', "\ufeff{}", `${"[".repeat(200_000)}`, "\0", '{"error":"x"}',
  ];
  for (const body of shapes) {
    const { fetch } = scriptedFetch(() => ({ status: 422, body }));
    const error = await failure(new Persona({ fetch }).relays.create({ claimType: CLAIM_TYPE }));
    const shape = body.slice(0, 60);
    assert.equal(error.statusCode, 422, shape);
    assert.equal(error.code, "upstream_rejected", shape);
    assert.ok(typeof error.title === "string" && error.title !== "", shape);
    assert.equal(error.meta, undefined, shape);
  }
});

test("meta does not reach a prototype", async () => {
  const { fetch } = scriptedFetch(() => ({ status: 422, body: '{"errors":[{"title":"T","meta":{"__proto__":{"polluted":1},"n":12345678901234567890}}]}' }));
  const { meta } = await failure(new Persona({ fetch }).relays.create({ claimType: CLAIM_TYPE }));
  assert.equal({}.polluted, undefined);
  assert.equal(meta.polluted, undefined);
  assert.ok(library.PersonaError.prototype.polluted === undefined);
});
