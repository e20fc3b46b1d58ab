/** `REDEEM_DELAY_S`: redemptions by alarm, on whatever platform: once, durable, at a random time, and told to who asks. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { CLAIM_TYPE, caller, complete, headerOf, managedSecrets, newToken, persistent } from "../worker/support.mjs";

/** Of one call: the first and three more. */
const TRIES = 4;

/**
 * @param {(options: { upstream: string, bindings: Record<string, string>, durableObjectsPersist?: string, kvPersist?: string }) =>
 *   Promise<import("../support/gateway.mjs").Gateway>} start
 * @param {string} name of the egress
 */
export function delayedCases(start, name = "delayed") {
  const secrets = managedSecrets();
  let simulator, gateway, shop;
  const bindings = (delay) => ({ ...secrets.bindings, REDEEM_DELAY_S: delay });
  before(async () => {
    simulator = await startSimulator();
    gateway = await start({ upstream: simulator.url, bindings: bindings("1-2") });
    shop = caller(gateway, secrets.shop);
  });
  beforeEach(() => simulator.faults.reset());
  after(async () => {
    await gateway?.close();
    await simulator?.close();
  });

  const spent = () => simulator.summary().spent.total;
  const redemptions = (token) => simulator.requests().filter(({ call, target }) => call === "redeem" && target.includes(token));

  const keys = (token) => redemptions(token).map((request) => headerOf(request, "idempotency-key"));

  async function bought(tenant = shop, completed = true) {
    const { body } = await tenant.create();
    const relay = { token: body["relay-token"], secret: body["relay-secret"] };
    if (completed) await complete(simulator, relay.token);
    assert.equal((await tenant.issue({ "relay-token": relay.token })).status, 200);
    return relay;
  }

  /** Asks until it is told something else than to wait, as a caller does. */
  async function patiently(ask, limitMs = 15_000) {
    for (const deadline = Date.now() + limitMs; ; ) {
      const answer = await ask();
      if (answer.error?.code !== "claim_not_ready" || Date.now() > deadline) return answer;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  test("healthz names it", async () => {
    assert.deepEqual(await (await fetch(`${gateway.url}/healthz`)).json(), { status: "ok", mode: "managed", egress: name });
  });

  test("the caller is told to come back; nothing is sent meanwhile; then the claim is there, as a replay", async (t) => {
    // Long enough for all that is asked meanwhile, on a busy machine too.
    const own = await start({ upstream: simulator.url, bindings: bindings("5-6") });
    t.after(() => own.close());
    const tenant = caller(own, secrets.shop);
    const { token } = await bought(tenant);
    const asked = Date.now();
    const first = await tenant.redeem(token);
    assert.deepEqual([first.status, first.error.code], [409, "claim_not_ready"]);
    const wait = Number(first.headers.get("retry-after"));
    assert.ok(wait >= 5 && wait <= 7, `${wait}`);
    assert.equal((await tenant.view(token)).body.redemption.state, "waiting");
    assert.equal(redemptions(token).length, 0);
    const [later] = await Promise.all([tenant.redeem(token), tenant.redeem(token)]); // asking changes nothing
    assert.equal(later.status, 409);
    const claim = await patiently(() => tenant.redeem(token));
    assert.deepEqual([claim.status, claim.body["token-consumed"], claim.headers.get("idempotent-replayed")], [200, true, "true"], claim.text);
    const [sent] = redemptions(token);
    const took = Date.parse(sent.at) - asked;
    assert.ok(took >= 5000, `${took}`);
    assert.equal(redemptions(token).length, 1);
    assert.equal((await tenant.redeem(token)).text, claim.text);
    assert.equal((await tenant.view(token)).body.redemption.state, "redeemed");
  });

  test("20 callers at once, who ask all the time: one redemption, one answer", async () => {
    const { token } = await bought();
    const before = spent();
    const answers = await Promise.all(Array.from({ length: 20 }, () => patiently(() => shop.redeem(token))));
    assert.deepEqual(answers.map(({ status }) => status), Array(20).fill(200));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.equal(spent(), before + 1);
    assert.equal(redemptions(token).length, 1);
  });

  test("the times are spread over the range, and differ from relay to relay", async (t) => {
    const own = await start({ upstream: simulator.url, bindings: bindings("100-900") });
    t.after(() => own.close());
    const tenant = caller(own, secrets.shop);
    const waits = [];
    for (let count = 0; count < 12; count += 1) {
      const { token } = await bought(tenant);
      waits.push(Number((await tenant.redeem(token)).headers.get("retry-after")));
    }
    waits.sort((one, other) => one - other);
    assert.ok(waits[0] > 95 && waits.at(-1) <= 901, waits.join());
    // Of 12 uniform over 800 s, all within 200: once in a hundred thousand runs.
    assert.ok(waits.at(-1) - waits[0] > 200, waits.join());
  });

  test("a pass that the caller brings is kept until then", async () => {
    const { body: pass } = await shop.issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": newToken() } });
    const { body: relay } = await shop.create();
    await complete(simulator, relay["relay-token"]);
    assert.equal((await shop.redeem(relay["relay-token"])).error.code, "pass_not_bought");
    assert.equal((await shop.redeem(relay["relay-token"], pass)).error.code, "claim_not_ready");
    const claim = await patiently(() => shop.redeem(relay["relay-token"])); // the second time without it
    assert.deepEqual([claim.status, claim.body["token-consumed"]], [200, true], claim.text);
  });

  test("before the person is done: asked again at another time, when the caller asks again", async () => {
    const { token } = await bought(shop, false);
    assert.equal((await shop.redeem(token)).error.code, "claim_not_ready");
    for (const deadline = Date.now() + 15_000; redemptions(token).length < TRIES; ) {
      assert.ok(Date.now() < deadline, "its time does not come");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await new Promise((resolve) => setTimeout(resolve, 300)); // for the answer
    await complete(simulator, token);
    const asked = Date.now();
    assert.equal((await shop.redeem(token)).status, 409);
    assert.equal((await patiently(() => shop.redeem(token))).status, 200);
    const [again] = redemptions(token).slice(TRIES);
    assert.ok(Date.parse(again.at) - asked >= 1000, "the caller's request has sent something");
    assert.equal(new Set(keys(token).slice(0, TRIES)).size, 1);
    assert.notEqual(keys(token).at(-1), keys(token)[0]);
  });

  test("a refusal is told once, and the next call tries again", async () => {
    const { token } = await bought();
    simulator.faults.set([{ call: "redeem", fault: "500-before", status: 422, times: 1 }]);
    const refused = await patiently(() => shop.redeem(token));
    assert.equal(refused.status, 422, refused.text);
    const claim = await patiently(() => shop.redeem(token));
    assert.deepEqual([claim.status, redemptions(token).length], [200, 2]);
  });

  test("an answer that is lost: told so, and the same request is repeated at another such time", async () => {
    const { token } = await bought();
    const before = spent();
    simulator.faults.set([{ call: "redeem", fault: "drop-after" }]);
    const lost = await patiently(() => shop.redeem(token));
    simulator.faults.reset();
    assert.equal(lost.status, 502, lost.text);
    assert.ok(Number(lost.headers.get("retry-after")) >= 1);
    const sent = redemptions(token).length;
    const claim = await patiently(() => shop.redeem(token));
    assert.equal(claim.status, 200, claim.text);
    assert.equal(spent(), before + 1);
    assert.ok(redemptions(token).length > sent);
    assert.equal(new Set(keys(token)).size, 1);
  });

  test("a wrong secret, or a malformed pass, is told as without a delay", async () => {
    const { token } = await bought();
    const malformed = await patiently(() => shop.redeem(token, { "privacy-pass-token": "not base64url!" }));
    assert.deepEqual([malformed.status, malformed.error.code], [400, "parameter_invalid"]);
    assert.equal((await shop.redeem(token, {}, { secret: "wrong" })).status, 404);
    assert.equal((await patiently(() => shop.redeem(token))).status, 200);
  });

  test("killed between the asking and the redeeming: it is made all the same, with nobody asking again", async (t) => {
    const stores = await persistent(t);
    let own = await start({ upstream: simulator.url, bindings: bindings("3-4"), ...stores });
    t.after(() => own.close());
    const { token } = await bought(caller(own, secrets.shop));
    const before = spent();
    assert.equal((await caller(own, secrets.shop).redeem(token)).status, 409);
    await own.close();
    assert.equal(redemptions(token).length, 0);
    own = await start({ upstream: simulator.url, bindings: bindings("3-4"), ...stores });
    for (const deadline = Date.now() + 15_000; spent() === before; ) {
      assert.ok(Date.now() < deadline, "nobody has redeemed it");
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const claim = await patiently(() => caller(own, secrets.shop).redeem(token));
    assert.deepEqual([claim.status, claim.headers.get("idempotent-replayed")], [200, "true"]);
    assert.equal(spent(), before + 1);
  });

  test("killed at the moment when upstream has spent the pass: the claim is fetched, and spent once", async (t) => {
    const stores = await persistent(t);
    let own = await start({ upstream: simulator.url, bindings: bindings("0-1"), ...stores });
    t.after(() => own.close());
    const { token } = await bought(caller(own, secrets.shop));
    const before = spent();
    simulator.faults.set([{ call: "redeem", holdAfter: true, times: 1 }]);
    assert.equal((await caller(own, secrets.shop).redeem(token)).status, 409);
    await simulator.faults.processed("redeem");
    await own.close();
    simulator.faults.clear();
    own = await start({ upstream: simulator.url, bindings: bindings("0-1"), ...stores });
    const claim = await patiently(() => caller(own, secrets.shop).redeem(token));
    assert.equal(claim.status, 200, claim.text);
    assert.equal(spent(), before + 1);
  });

  test("when the delay is taken away, what was noted is redeemed at once", async (t) => {
    const stores = await persistent(t);
    let own = await start({ upstream: simulator.url, bindings: bindings("600-900"), ...stores });
    t.after(() => own.close());
    const tenant = () => caller(own, secrets.shop);
    const { body: pass } = await tenant().issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": newToken() } });
    const { body: relay } = await tenant().create();
    await complete(simulator, relay["relay-token"]);
    assert.equal((await tenant().redeem(relay["relay-token"], pass)).status, 409);
    await own.close();
    own = await start({ upstream: simulator.url, bindings: secrets.bindings, ...stores });
    const claim = await tenant().redeem(relay["relay-token"]);
    assert.equal(claim.status, 200, claim.text);
  });
}
