/** Issuers that could know a pass again by its key: what is bought under, what is refused, and what is in the books. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import { after, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { platform, startGateway, testInWorkerd } from "../support/gateway.mjs";
import { API_KEY, CLAIM_TYPE, caller, headerOf, managedSecrets, persistent, send } from "./support.mjs";

const { shop, bindings } = managedSecrets();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
let simulator;

before(async () => (simulator = await startSimulator()));
beforeEach(() => simulator.faults.reset());
after(() => simulator?.close());

/** A gateway with empty books, and what the tests do with it. */
async function open(t, { settings = {}, upstream = simulator.url, ...options } = {}) {
  const gateway = await startGateway({ upstream, bindings: { ...bindings, ...settings }, ...options });
  let closed;
  const close = () => (closed ??= gateway.close());
  t.after(close);
  const calls = caller(gateway, shop);
  const buy = (more) => calls.issue({ "claim-type": CLAIM_TYPE }, more);
  return {
    gateway,
    close,
    ...calls,
    buy,
    keys: async (more) => send(`${gateway.url}/issuer-keys`, { method: "GET", bearer: shop, ...more }),
    /** Buys, and tells what was asked upstream meanwhile. */
    async watched(work = buy) {
      const [seen, billed] = [simulator.requests().length, simulator.ledger().billed.total];
      const answer = await work();
      return { answer, asked: simulator.requests().slice(seen), billed: simulator.ledger().billed.total - billed };
    },
    /** Lets time pass, in workerd. */
    pass: (ms) => gateway.age({ token: "a_clock", secret: "a_clock" }, ms),
  };
}

const hashOf = ({ tokenKey }) => crypto.createHash("sha256").update(Buffer.from(tokenKey, "base64url")).digest("hex");
const currentHash = async (claimType = CLAIM_TYPE) => hashOf(await simulator.issuerKey({ claimType }));
const callsOf = (asked) => asked.map(({ call }) => call);

/** Nothing was bought, the caller is told so, and the operator why. */
async function assertRefused({ answer, billed, asked }, gateway, mend, code = "issuer_key_suspicious") {
  assert.deepEqual([answer.status, answer.error?.code, billed], [502, code, 0], answer.text);
  assert.ok(!callsOf(asked).includes("purchase"));
  const line = await gateway.log((line) => line.code === code && mend.test(line.mend?.join()));
  assert.equal(line.level, "error");
  assert.doesNotMatch(answer.text, /[0-9a-f]{64}/, "the key is the operator's business");
}

test("an honest issuer: one look that names nobody, then none for a while, and all of it in the books", async (t) => {
  const { buy, watched, keys } = await open(t);
  const started = Date.now();
  const first = await watched();
  assert.deepEqual([first.answer.status, first.billed], [200, 1]);
  assert.deepEqual(callsOf(first.asked), ["challenge", "challenge", "purchase"]);
  const [offered, look] = first.asked;
  assert.equal(look.body, JSON.stringify({ "claim-type": CLAIM_TYPE }));
  const names = (request) => request.rawHeaders.map(([name]) => name.toLowerCase()).sort();
  assert.deepEqual(names(look), names(offered), "nothing tells the look from any other challenge");
  for (const name of ["authorization", "persona-relay-secret", "idempotency-key", "persona-version"]) assert.equal(headerOf(look, name), undefined, name);

  assert.deepEqual(callsOf((await watched()).asked), ["challenge", "purchase"]);
  const many = await watched(() => Promise.all(Array.from({ length: 5 }, () => buy({ headers: { "idempotency-key": crypto.randomUUID() } }))));
  assert.equal(many.billed, 5);
  assert.equal(many.asked.length, 10, "no look in between");

  const { status, body } = await keys();
  const [{ "first-seen": firstSeen, "last-seen": lastSeen, ...entry }] = body["issuer-keys"];
  const { tokenKeyId } = await simulator.issuerKey({ claimType: CLAIM_TYPE });
  assert.deepEqual([status, body["issuer-keys"].length], [200, 1]);
  assert.deepEqual(entry, { "claim-type": CLAIM_TYPE, sandbox: false, "key-hash": await currentHash(), "token-key-id": tokenKeyId, anonymous: true, purchase: true });
  assert.ok(Date.parse(firstSeen) >= started && Date.parse(lastSeen) >= Date.parse(firstSeen) && Date.parse(lastSeen) <= Date.now());
});

test("callers at once share the look", async (t) => {
  const { watched, buy } = await open(t);
  const { asked, billed } = await watched(() => Promise.all(Array.from({ length: 8 }, () => buy())));
  assert.equal(billed, 8);
  assert.equal(callsOf(asked).filter((call) => call === "challenge").length, 9);
});

test("a key that a purchase alone is offered: refused; the key that everybody is shown is bought under at once", async (t) => {
  const { gateway, watched, keys } = await open(t);
  simulator.faults.set([{ call: "challenge", fault: "own-key", times: 1 }]);
  const refused = await watched();
  await assertRefused(refused, gateway, /was offered to a purchase and to no look that named nobody; if it stays, ask Persona, then add ISSUER_KEY_PINS=age_over18_united_kingdom:[0-9a-f]{64}$/);
  assert.ok(Number(refused.answer.headers.get("retry-after")) <= 120);
  assert.equal((await watched()).answer.status, 200);
  const everybodys = await currentHash();
  const seen = (await keys()).body["issuer-keys"].map((key) => [key["key-hash"] === everybodys, key.anonymous, key.purchase]);
  assert.deepEqual(seen.sort(), [[false, false, true], [true, true, true]]);
});

test("the same for a relay of ours, and for an Idempotency-Key: what was refused is bought by the next call, once", async (t) => {
  const { gateway, create, issue, watched } = await open(t);
  const token = (await create()).body["relay-token"];
  const keyed = { headers: { "idempotency-key": crypto.randomUUID() } };
  for (const work of [() => issue({ "relay-token": token }), () => issue({ "claim-type": CLAIM_TYPE }, keyed)]) {
    simulator.faults.set([{ call: "challenge", fault: "own-key", times: 1 }]);
    await assertRefused(await watched(work), gateway, /no look/);
    const bought = await watched(work);
    assert.deepEqual([bought.answer.status, bought.billed], [200, 1]);
    const again = await watched(work);
    assert.deepEqual([again.answer.status, again.answer.text, again.billed, again.asked.length], [200, bought.answer.text, 0, 0]);
  }
});

test("an id that marks: the key is everybody's, its id is not", async (t) => {
  const { gateway, watched } = await open(t);
  simulator.faults.set([{ call: "challenge", fault: "wrong-key-id", "key-id": "shop-1", times: 1 }]);
  await assertRefused(await watched(), gateway, /\(id shop-1\).* to no look/);
  assert.equal((await watched()).answer.status, 200);
});

test("a key that is offered by relay only is refused, the one that looks see is not", async (t) => {
  const { gateway, issue, watched } = await open(t);
  const types = readFileSync(new URL("../../js/index.d.ts", import.meta.url), "utf8");
  const documented = [...types.matchAll(/^ {2}\| "(\w+)"$/gm)].map(([, claimType]) => claimType).filter((name) => name.includes("_over") || name.includes("human"));
  // Keys take their time to make, and looks have not much of it.
  for (const claimType of documented) await simulator.issuerKey({ claimType });
  const elsewhere = await send(`${simulator.url}/api/privacy/v1/relays`, { body: { "claim-type": CLAIM_TYPE, "encryption-key-pem": null }, headers: { "key-inflection": "kebab" } });
  const { "relay-token": token, "relay-secret": secret } = elsewhere.body;
  const work = () => issue({ "relay-token": token }, { secret });
  simulator.faults.set([{ call: "relay-challenge", fault: "own-key", times: 1 }]);
  const refused = await watched(work);
  await assertRefused(refused, gateway, /of a relay in production was offered .* \(the relay was not made here/);
  const looks = refused.asked.filter(({ call }) => call === "challenge").map(({ body }) => JSON.parse(body)["claim-type"]);
  assert.deepEqual(looks.sort(), documented.sort());
  const bought = await watched(work);
  assert.deepEqual([bought.answer.status, bought.billed], [200, 1]);
  assert.deepEqual(callsOf(bought.asked), ["relay-challenge", "purchase"]);
});

test("an id that is another key's: refused, in pass-through mode too, and with PERMISSIVE_ISSUER_KEYS bought and logged", async (t) => {
  const strict = await open(t);
  simulator.faults.set([{ call: "challenge", fault: "wrong-key-id" }]);
  await assertRefused(await strict.watched(), strict.gateway, /under the id of another/, "issuer_key_mismatch");
  for (const [settings, bearer] of [[{}, API_KEY], [{ PERMISSIVE_ISSUER_KEYS: "true" }, API_KEY]]) {
    const gateway = await startGateway({ upstream: simulator.url, bindings: settings });
    t.after(() => gateway.close());
    const { status, error } = await caller(gateway, bearer).issue({ "claim-type": CLAIM_TYPE });
    assert.deepEqual([status, error?.code], settings.PERMISSIVE_ISSUER_KEYS ? [200, undefined] : [502, "issuer_key_mismatch"]);
    assert.equal((await gateway.log(({ code }) => code === "issuer_key_mismatch")).event, settings.PERMISSIVE_ISSUER_KEYS ? "issuer-key" : "request");
  }
  const permissive = await open(t, { settings: { PERMISSIVE_ISSUER_KEYS: "true" } });
  assert.deepEqual(await permissive.watched().then(({ answer, billed }) => [answer.status, billed]), [200, 1]);
  for (const code of ["issuer_key_mismatch", "issuer_key_suspicious"]) {
    const line = await permissive.gateway.log((line) => line.code === code);
    assert.deepEqual([line.level, line.event, line.mend.length], ["error", "issuer-key", 1]);
  }
});

test("pins: the pinned key needs no look; another is refused for its claim type, and looked at for others", async (t) => {
  const own = await startSimulator();
  t.after(() => own.close());
  const pinned = hashOf(await own.issuerKey({ claimType: CLAIM_TYPE }));
  const strange = "0".repeat(64);
  const challenges = async (settings, claimType = CLAIM_TYPE) => {
    const { issue } = await open(t, { settings, upstream: own.url });
    const before = own.requests().length;
    const { status, error } = await issue({ "claim-type": claimType });
    return [status, error?.code, own.requests().slice(before).filter(({ call }) => call === "challenge").length];
  };
  assert.deepEqual(await challenges({ ISSUER_KEY_PINS: `${CLAIM_TYPE}:${pinned.toUpperCase()}` }), [200, undefined, 1]);
  assert.deepEqual(await challenges({ ISSUER_KEY_PINS: `${strange},${pinned}` }), [200, undefined, 1]);
  assert.deepEqual(await challenges({ ISSUER_KEY_PINS: `${CLAIM_TYPE}:${strange}` }), [502, "issuer_key_suspicious", 1]);
  assert.deepEqual(await challenges({ ISSUER_KEY_PINS: strange }), [200, undefined, 2]);
  assert.deepEqual(await challenges({ ISSUER_KEY_PINS: `${CLAIM_TYPE}:${strange}` }, "age_over18_germany"), [200, undefined, 2]);
});

test("a purchase that was sent goes on under its key, whatever the issuer shows by then", async (t) => {
  const stores = await persistent(t);
  let shown = await open(t, stores);
  const keyed = { headers: { "idempotency-key": crypto.randomUUID() } };
  const billed = simulator.ledger().billed.total;
  simulator.faults.set([{ call: "purchase", holdAfter: true, times: 1 }]);
  const lost = shown.buy(keyed).catch(() => undefined);
  await simulator.faults.processed("purchase");
  await shown.close();
  await lost;
  simulator.faults.set([{ call: "challenge", fault: "own-key" }]);
  shown = await open(t, { ...stores, settings: { ISSUER_KEY_PINS: `${CLAIM_TYPE}:${"0".repeat(64)}` } });
  const { status, text } = await shown.buy(keyed);
  assert.equal(status, 200, text);
  assert.equal(simulator.ledger().billed.total, billed + 1);
});

test("a look that fails vouches for nothing: the first purchase waits for one that does not", async (t) => {
  const { gateway, watched } = await open(t);
  simulator.faults.set([{ call: "challenge", fault: "500-before", after: 1, times: 2 }]);
  const refused = await watched();
  await assertRefused(refused, gateway, /no look/);
  const waitS = Number(refused.answer.headers.get("retry-after"));
  assert.ok(waitS >= 1 && waitS <= 10, `${waitS}`);
});

test("platforms that are told apart: each buys, and their books differ", async (t) => {
  simulator.faults.set([{ call: "challenge", fault: "own-key", per: "Host" }]);
  const upstreams = [simulator.url, simulator.url.replace("127.0.0.1", "localhost")];
  const books = [];
  for (const upstream of upstreams) {
    const { buy, keys } = await open(t, { upstream });
    assert.equal((await buy()).status, 200);
    books.push((await keys()).body["issuer-keys"].map((key) => key["key-hash"]));
  }
  assert.deepEqual(books.map(({ length }) => length), [1, 1]);
  assert.notEqual(books[0][0], books[1][0]);
});

test("GET /issuer-keys is for callers, and for managed mode", async (t) => {
  const { keys, gateway } = await open(t);
  assert.equal((await keys({ bearer: undefined })).status, 401);
  assert.equal((await send(`${gateway.url}/issuer-keys`, { bearer: shop })).status, 405);
  assert.deepEqual((await keys()).body, { "issuer-keys": [] });
  const open_ = await startGateway({ upstream: simulator.url });
  t.after(() => open_.close());
  assert.equal((await send(`${open_.url}/issuer-keys`, { method: "GET" })).status, 404);
});

test(`the books outlive the gateway (${platform})`, async (t) => {
  const stores = await persistent(t);
  const first = await open(t, stores);
  assert.equal((await first.buy()).status, 200);
  const before = (await first.keys()).body;
  await first.close();
  const second = await open(t, stores);
  assert.deepEqual((await second.keys()).body, before);
  assert.deepEqual(callsOf((await second.watched()).asked), ["challenge", "purchase"], "the look is remembered too");
});

testInWorkerd("a rotation: not faster than ISSUER_KEY_MIN_DAYS, unless the setting, or time, or a pin says so", async (t) => {
  const own = await startSimulator();
  t.after(() => own.close());
  const billed = () => own.ledger().billed.total;
  const shown = await open(t, { upstream: own.url, ledger: "aging" });
  assert.equal((await shown.buy()).status, 200);
  const rotated = await own.rotateKey({ claimType: CLAIM_TYPE });
  const soon = await shown.buy();
  assert.deepEqual([soon.status, soon.error.code], [502, "issuer_key_suspicious"], "no look is due");
  assert.ok(Number(soon.headers.get("retry-after")) > 60);
  await shown.pass(3 * MINUTE);
  const hasty = await shown.buy();
  assert.deepEqual([hasty.status, hasty.headers.get("retry-after"), billed()], [502, null, 1]);
  await shown.gateway.log(({ mend }) => /took the place of another after 0\.\d hours, where ISSUER_KEY_MIN_DAYS is 1; .* or wait until \d{4}-/.test(mend?.join()));

  // By itself, when it has been there for a day.
  await shown.pass(DAY + MINUTE);
  assert.equal((await shown.buy()).status, 200);
  // And at once, when the one before was there for a day.
  await own.rotateKey({ claimType: CLAIM_TYPE });
  await shown.pass(3 * MINUTE);
  assert.equal((await shown.buy()).status, 200);
  assert.equal(billed(), 3);

  for (const settings of [{ ISSUER_KEY_MIN_DAYS: "0" }, { ISSUER_KEY_PINS: hashOf(rotated) }]) {
    const fresh = await startSimulator();
    t.after(() => fresh.close());
    const eager = await open(t, { upstream: fresh.url, ledger: "aging", settings: settings });
    assert.equal((await eager.buy()).status, 200);
    await fresh.rotateKey({ claimType: CLAIM_TYPE });
    await eager.pass(3 * MINUTE);
    assert.equal((await eager.buy()).status, settings.ISSUER_KEY_MIN_DAYS === "0" ? 200 : 502, "a pin of another key changes nothing");
  }
});

testInWorkerd("a new key with every request: the first is taken, no other", async (t) => {
  const own = await startSimulator();
  t.after(() => own.close());
  const shown = await open(t, { upstream: own.url, ledger: "aging" });
  assert.equal((await shown.buy()).status, 200);
  own.faults.set([{ call: "challenge", fault: "own-key" }]);
  for (let i = 0; i < 4; i += 1) {
    await shown.pass(3 * MINUTE);
    assert.equal((await shown.buy()).status, 502);
  }
  assert.equal(own.ledger().billed.total, 1);
  own.faults.clear();
  await shown.pass(3 * MINUTE);
  assert.equal((await shown.buy()).status, 200, "everybody's key is still good");
});

testInWorkerd("a key that was shown a while ago is no longer vouched for; a look that fails does not unmake one that was", async (t) => {
  const own = await startSimulator();
  t.after(() => own.close());
  const shown = await open(t, { upstream: own.url, ledger: "aging" });
  own.faults.set([{ call: "challenge", fault: "own-key", per: "Host", times: 2 }]);
  assert.equal((await shown.buy()).status, 200);
  await shown.pass(2 * DAY);
  assert.equal((await shown.buy()).status, 200, "everybody's key now");
  own.faults.set([{ call: "challenge", fault: "own-key", per: "Host", times: 1 }]);
  await shown.pass(DAY);
  assert.equal((await shown.buy()).status, 200, "the key before, seen three days ago");
  own.faults.set([{ call: "challenge", fault: "own-key", per: "Host", times: 1 }]);
  await shown.pass(5 * DAY);
  assert.equal((await shown.buy()).status, 502, "eight days ago");
  own.faults.set([{ call: "challenge", fault: "500-before", after: 1, times: 2 }]);
  await shown.pass(DAY);
  assert.equal((await shown.buy()).status, 200);
  assert.equal(own.faults.fired()[0].fired, 2, "a look failed");
});
