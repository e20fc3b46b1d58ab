/** What callers get when Persona, or the way to it, fails; and what is never done then. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { forward, startScriptedUpstream } from "../support/scripted_upstream.mjs";
import { API_KEY, CLAIM_TYPE, caller, managedSecrets } from "./support.mjs";

const secrets = managedSecrets();
const CREATED = { "relay-token": "relay_scripted", "relay-secret": "secret-scripted", "relay-session-access-token": "a.b.c" };
const PURCHASE = "/api/v1/privacy-passes";

describe("with an upstream that says what it is told", { concurrency: false }, () => {
  /** What a call is answered, by the ends of its path; `undefined`: as the simulator would. */
  let react = () => undefined;
  let simulator, upstream, open, managed, anyone, payer, shop, pass;

  before(async () => {
    simulator = await startSimulator();
    upstream = await startScriptedUpstream(async (seen) => (await react(seen)) ?? forward(simulator, seen));
    open = await startGateway({ upstream: upstream.url });
    managed = await startGateway({ upstream: upstream.url, bindings: secrets.bindings });
    anyone = caller(open);
    payer = caller(open, API_KEY);
    shop = caller(managed, secrets.shop);
    pass = (await payer.issue({ "claim-type": CLAIM_TYPE })).body;
    assert.ok(pass["privacy-pass-token"]);
  });
  after(async () => {
    for (const part of [open, managed, upstream, simulator]) await part?.close();
  });

  /** Answers one kind of call so, for the time of a test. */
  function answering(t, matches, reaction) {
    react = (seen) => (matches(seen) ? reaction : undefined);
    t.after(() => (react = () => undefined));
  }
  const creations = ({ path }) => path.endsWith("/relays");
  const purchases = ({ path }) => path === PURCHASE;
  const redemptions = ({ headers }) => /^PrivateToken/.test(headers.authorization ?? "");
  const refusal = (more) => ({ errors: [{ title: "No", details: "because", code: "their_code", meta: { hint: 1 }, secret: "inside", ...more }], debug: "inside" });
  const redeem = () => anyone.redeem("relay_scripted", pass, { secret: "s" });

  test("definitive refusals come back with title, details, code, meta and request id only", async (t) => {
    for (const status of [400, 404, 409, 410, 422]) {
      answering(t, (seen) => creations(seen) || redemptions(seen), { status, body: refusal() });
      for (const answer of [await anyone.create(), await redeem()]) {
        assert.equal(answer.status, status);
        assert.deepEqual(answer.body, { errors: [{ title: "No", details: "because", code: "their_code", meta: { hint: 1 } }] });
        assert.equal(answer.headers.get("request-id"), "req-scripted-1");
      }
    }
  });

  test("5xx is 502, whatever the body", async (t) => {
    for (const [status, body] of [[500, refusal()], [503, "<html>nginx</html>"], [504, ""]]) {
      answering(t, creations, { status, body });
      const answer = await anyone.create();
      assert.equal(answer.status, 502, String(status));
      assert.doesNotMatch(answer.text, /inside|html/);
      assert.equal(answer.headers.get("request-id"), "req-scripted-1");
    }
    assert.equal((await open.log(({ status }) => status === 502)).level, "warn");
  });

  test("2xx that can't be read is 502", async (t) => {
    for (const body of ["{", "[]", "<html></html>", {}, { ...CREATED, "relay-secret": 1 }, { ...CREATED, "relay-token": "../x" }]) {
      answering(t, creations, { body });
      for (const answer of [await anyone.create(), await shop.create()]) assert.equal(answer.status, 502, JSON.stringify(body));
    }
  });

  test("429 is 429 with Retry-After", async (t) => {
    answering(t, creations, { status: 429, headers: { "retry-after": "120" }, body: refusal() });
    const answer = await anyone.create();
    assert.equal(answer.status, 429);
    assert.equal(answer.headers.get("retry-after"), "120");
  });

  test("403 on redemption is 409 with Retry-After", async (t) => {
    answering(t, redemptions, { status: 403, body: refusal() });
    const answer = await redeem();
    assert.equal(answer.status, 409);
    assert.equal(answer.error.code, "claim_not_ready");
    assert.equal(answer.headers.get("retry-after"), "5");
  });

  test("a refused API key: the caller's own in pass-through mode, a matter of configuration in managed mode", async (t) => {
    for (const status of [401, 403]) {
      answering(t, purchases, { status, body: refusal() });
      const own = await payer.issue({ "claim-type": CLAIM_TYPE });
      assert.equal(own.status, status);
      assert.equal(own.error.code, "their_code");
      const ours = await shop.issue({ "claim-type": CLAIM_TYPE });
      assert.equal(ours.status, 502);
      assert.equal(ours.error.code, "upstream_unauthorized");
      assert.equal(ours.error.details, undefined);
      const line = await managed.log(({ code, mend }) => code === "upstream_unauthorized" && mend?.[0].includes(String(status)));
      assert.equal(line.level, "error");
      assert.match(line.mend[0], /^PERSONA_API_KEY /);
    }
  });

  test("a redirect is never followed, on any call", async (t) => {
    const elsewhere = await startScriptedUpstream(() => ({ body: CREATED }));
    t.after(() => elsewhere.close());
    for (const status of [301, 302, 303, 307, 308]) {
      for (const location of [`${elsewhere.url}/x`, "/api/privacy/v1/relays"]) {
        const before = upstream.requests.length;
        answering(t, () => true, { status, headers: { location }, body: "" });
        for (const answer of [
          await anyone.create(),
          await payer.issue({ "claim-type": CLAIM_TYPE }),
          await payer.issue({ "relay-token": "relay_x" }, { secret: "s" }),
          await redeem(),
        ]) {
          assert.equal(answer.status, 502);
          assert.equal(answer.error.code, "upstream_redirected");
          assert.equal(answer.headers.get("location"), null);
        }
        assert.equal(upstream.requests.length, before + 4);
        answering(t, purchases, { status, headers: { location }, body: "" });
        assert.equal((await payer.issue({ "claim-type": CLAIM_TYPE })).error.code, "upstream_redirected");
      }
    }
    assert.deepEqual(elsewhere.requests, []);
    assert.equal((await open.log(({ code }) => code === "upstream_redirected")).level, "error");
  });

  test("a purchase that fails is repeated with the same bytes under one key, and never with another", async (t) => {
    const before = upstream.requests.length;
    answering(t, purchases, { status: 500 });
    assert.equal((await payer.issue({ "claim-type": CLAIM_TYPE })).status, 502);
    const tries = upstream.requests.slice(before).filter(purchases);
    assert.ok(tries.length > 1);
    assert.equal(new Set(tries.map(({ body }) => body)).size, 1);
    assert.equal(new Set(tries.map(({ headers }) => headers["idempotency-key"])).size, 1);
    assert.ok(tries[0].headers["idempotency-key"]);
  });

  test("a connection that is reset is 502, without a word about it", async (t) => {
    answering(t, creations, "reset");
    const answer = await anyone.create();
    assert.equal(answer.status, 502);
    assert.equal(answer.error.code, "transport_failed");
    assert.doesNotMatch(answer.text, /127\.0\.0\.1|ECONN|reset/i);
  });
});

test("nobody listening upstream is 502", async (t) => {
  const gateway = await startGateway({ upstream: "http://127.0.0.1:9" });
  t.after(() => gateway.close());
  const answer = await caller(gateway).create();
  assert.equal(answer.status, 502);
  assert.equal(answer.error.code, "transport_failed");
});
