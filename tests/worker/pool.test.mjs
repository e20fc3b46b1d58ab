/** Passes bought ahead (`PASS_POOL`): by the clock alone, each bound to one taker, the oldest first, and sealed. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { DAY, HOUR, assertBilledOnce, clock, many, openPool, passOf } from "./pool_support.mjs";
import { API_KEY, CLAIM_TYPE, SANDBOX_API_KEY, newStoreKey, persistent, send } from "./support.mjs";

let simulator;
before(async () => (simulator = await startSimulator({ now: clock.now, recordedRequests: 5000 })));
beforeEach(() => simulator.faults.reset());
afterEach(() => assertBilledOnce(simulator));
after(() => simulator?.close());

const keyed = (key = crypto.randomUUID()) => ({ headers: { "idempotency-key": key } });

test("bought by the clock; a take buys nothing, and redeems as any pass does", async (t) => {
  const { cron, shelf, relay, shop, billed, asked, gateway } = await openPool(t, simulator);
  assert.deepEqual(await shelf(), {
    "claim-type": CLAIM_TYPE, sandbox: false, wanted: 3, ready: 0, buying: 0, "in-doubt": 0, bound: 0, oldest: null, newest: null, "last-top-up": null,
  });
  const start = Math.floor(Date.now() / 1000) * 1000;
  const { calls: buying } = await asked(cron);
  assert.deepEqual(buying.filter((call) => call === "purchase").length, 3);
  const { oldest, newest, "last-top-up": last, ...counts } = await shelf();
  assert.deepEqual(counts, { "claim-type": CLAIM_TYPE, sandbox: false, wanted: 3, ready: 3, buying: 0, "in-doubt": 0, bound: 0 });
  assert.ok(Date.parse(oldest) >= start && Date.parse(newest) >= Date.parse(oldest) && Date.parse(last.at) >= Date.parse(newest));
  assert.deepEqual([last.bought, last["thrown-away"], last.code], [3, 0, null]);
  await gateway().log(({ event, code, count }) => event === "pool" && code === "topped_up" && count === 3);

  const token = await relay();
  const { result: bought, calls } = await asked(() => shop().issue({ "relay-token": token }));
  assert.deepEqual([bought.status, calls], [200, []]);
  assert.equal(bought.headers.get("idempotent-replayed"), null, "it is the first answer");
  const again = await shop().issue({ "relay-token": token });
  assert.deepEqual([again.text, again.headers.get("idempotent-replayed")], [bought.text, "true"]);
  const viewed = (await shop().view(token)).body.purchase;
  assert.deepEqual([viewed.state, viewed.attempt, viewed["in-doubt"], viewed.unsettled], ["issued", 0, false, false]);
  assert.equal((await shop().redeem(token)).body["token-consumed"], true);
  const { ready, bound } = await shelf();
  assert.deepEqual([billed(), ready, bound], [3, 2, 0]);
  await cron();
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [4, 3]);
});

test("by Idempotency-Key and without: a pass of its own for each, and the same for the same key", async (t) => {
  const { cron, shop, billed, asked, shelf } = await openPool(t, simulator);
  await cron();
  const { result, calls } = await asked(async () => {
    const one = await shop().issue({ "claim-type": CLAIM_TYPE }, keyed("one"));
    return [one, await shop().issue({ "claim-type": CLAIM_TYPE }, keyed("one")), await shop().issue({ "claim-type": CLAIM_TYPE }), await shop().issue({ "claim-type": CLAIM_TYPE }, keyed("two"))];
  });
  assert.deepEqual(calls, []);
  const [one, same, plain, two] = result.map(passOf);
  assert.equal(one, same);
  assert.equal(new Set([one, plain, two]).size, 3);
  const { ready, bound } = await shelf();
  assert.deepEqual([billed(), ready, bound], [3, 0, 0]);
});

test("what is of another claim type or environment, or names no claim type, is bought directly", async (t) => {
  const { cron, shop, relay, billed, shelf, bank } = await openPool(t, simulator);
  await cron();
  passOf(await shop().issue({ "relay-token": await relay(shop(), { "claim-type": "age_over18_brazil" }) }));
  assert.equal((await shop().issue({ "claim-type": CLAIM_TYPE, sandbox: true })).status, 422, "the key is of production");
  assert.equal(billed(), 4);
  assert.equal((await shelf()).ready, 3);
  passOf(await bank().issue({ "relay-token": await relay(bank()) }));
  assert.deepEqual([billed(), (await shelf()).ready], [4, 2]);
});

test("50 relays at once take from 20: 20 passes that differ, and the others are bought directly", async (t) => {
  const { cron, relay, shop, billed, asked, shelf, gateway } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 20 } });
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [20, 20]);
  const relays = await many(50, () => relay());
  const { result, calls } = await asked(() => many(50, (index) => shop().issue({ "relay-token": relays[index] })));
  const passes = result.map(passOf);
  assert.equal(new Set(passes).size, 50);
  assert.equal(calls.filter((call) => call === "purchase").length, 30);
  const { ready, bound } = await shelf();
  assert.deepEqual([billed(), ready, bound], [50, 0, 0]);
  assert.equal(gateway().logs().filter(({ event, code }) => event === "pool" && code === "pool_empty").length, 30);
  for (const [index, token] of relays.entries()) assert.equal(passOf(await shop().issue({ "relay-token": token })), passes[index]);
  const claims = await many(50, (index) => shop().redeem(relays[index]));
  assert.ok(claims.every(({ body }) => body["token-consumed"]));
});

test("first in, first out", async (t) => {
  const { cron, shop, restart, billed } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 1 }, ...(await persistent(t)) });
  for (const size of [1, 2, 3]) {
    await restart({ sizes: { [CLAIM_TYPE]: size } });
    await cron();
    await new Promise((resolve) => setTimeout(resolve, 1100)); // the machine counts in seconds
  }
  assert.equal(billed(), 3);
  const taken = [];
  for (let index = 0; index < 3; index += 1) {
    const pass = passOf(await shop().issue({ "claim-type": CLAIM_TYPE }, keyed()));
    taken.push(JSON.parse(Buffer.from(pass, "base64url").toString()).challenge.expires_at);
  }
  assert.deepEqual(taken, [...taken].sort());
  assert.equal(new Set(taken).size, 3);
});

test("at 80 of its 90 days a pass is given to nobody, and thrown away by the clock; one that was taken is not", async (t) => {
  const { cron, shop, relay, pass, shelf, billed, gateway, asked } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 2 }, ledger: "aging" });
  await cron();
  const kept = await relay();
  const first = passOf(await shop().issue({ "relay-token": kept }));
  await pass(80 * DAY - HOUR);
  assert.equal((await shelf()).ready, 1);
  await pass(2 * HOUR);
  assert.equal((await shelf()).ready, 0);
  const { calls } = await asked(async () => passOf(await shop().issue({ "relay-token": await relay() })));
  assert.ok(calls.includes("purchase"));
  await cron();
  const { ready, bound, "last-top-up": last } = await shelf();
  assert.deepEqual([ready, bound, last.bought, last["thrown-away"], billed()], [2, 0, 2, 1, 5]);
  assert.equal((await gateway().log(({ code }) => code === "pass_thrown_away")).count, 1);
  assert.equal(passOf(await shop().issue({ "relay-token": kept })), first);
});

test("a pass that is taken counts among the purchases of the day, and is no way round their limit", async (t) => {
  const { cron, shop, bank, relay, billed, shelf } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 10 }, settings: { PURCHASES_PER_DAY: "shop:4" } });
  await cron();
  assert.equal(billed(), 10, "the clock is nobody's purchase");
  const relays = await many(6, () => relay());
  const answers = await Promise.all([
    ...relays.map((token) => shop().issue({ "relay-token": token })),
    ...Array.from({ length: 6 }, () => shop().issue({ "claim-type": CLAIM_TYPE })),
    ...Array.from({ length: 6 }, () => shop().issue({ "claim-type": CLAIM_TYPE }, keyed())),
  ]);
  const refused = answers.filter(({ status }) => status !== 200);
  assert.equal(refused.length, 14);
  for (const { status, error } of refused) assert.deepEqual([status, error.code], [429, "purchase_limit_reached"]);
  assert.equal((await shelf()).ready, 6);
  passOf(await bank().issue({ "claim-type": CLAIM_TYPE }));
  assert.equal(billed(), 10);
});

test("a top-up buys no more than 20, the claim types in turns, and several at once are one", async (t) => {
  const { cron, shelf, billed } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 30, age_over18_germany: 4 } });
  await many(5, cron);
  assert.deepEqual([billed(), (await shelf()).ready, (await shelf("age_over18_germany")).ready], [20, 16, 4]);
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [34, 30]);
});

test("of sandbox or production as the API key is, and each keeps to its own", async (t) => {
  const stores = await persistent(t);
  const { cron, pool, restart, shop, billed, asked } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 2 }, settings: { PERSONA_API_KEY: SANDBOX_API_KEY }, ...stores });
  await cron();
  assert.deepEqual((await pool()).map(({ sandbox, ready }) => [sandbox, ready]), [[true, 2]]);
  await restart({ settings: {} });
  await cron();
  assert.deepEqual((await pool()).map(({ sandbox, wanted, ready }) => [sandbox, wanted, ready]), [[false, 2, 2], [true, 0, 2]]);
  assert.equal(billed(), 4);
  const { calls } = await asked(async () => passOf(await shop().issue({ "claim-type": CLAIM_TYPE })));
  assert.deepEqual(calls, []);
  assert.deepEqual((await pool()).map(({ ready }) => ready), [1, 2]);
});

test("0 uses up what there is; a claim type that is taken out is asked for no more, and shown", async (t) => {
  const { cron, shop, restart, billed, shelf, pool, asked, gateway } = await openPool(t, simulator, await persistent(t));
  await cron();
  await restart({ sizes: { [CLAIM_TYPE]: 0 } });
  await cron();
  passOf(await shop().issue({ "claim-type": CLAIM_TYPE }));
  assert.deepEqual([billed(), (await shelf()).ready], [3, 2]);
  await restart({ sizes: { age_over18_germany: 0 } });
  const { calls } = await asked(async () => passOf(await shop().issue({ "claim-type": CLAIM_TYPE })));
  assert.ok(calls.includes("purchase"));
  assert.deepEqual((await pool()).map((shelf) => [shelf["claim-type"], shelf.wanted, shelf.ready]), [["age_over18_germany", 0, 0], [CLAIM_TYPE, 0, 2]]);
  await restart({ sizes: null });
  assert.deepEqual(await pool(), []);
  await cron();
  assert.equal(billed(), 4);
  assert.deepEqual(gateway().logs().filter(({ event }) => event === "pool"), []);
});

test("GET /pool needs a token, has no secret, and is not there in pass-through mode", async (t) => {
  const { cron, gateway, secrets } = await openPool(t, simulator);
  await cron();
  const get = (more) => send(`${gateway().url}/pool`, { method: "GET", ...more });
  assert.equal((await get()).status, 401);
  assert.equal((await get({ bearer: secrets.bank })).body.pool.length, 1);
  assert.equal((await send(`${gateway().url}/pool`, { bearer: secrets.bank, body: {} })).status, 405);
  const open = await startGateway({ upstream: simulator.url });
  t.after(() => open.close());
  assert.equal((await send(`${open.url}/pool`, { method: "GET" })).status, 404);
  const { text } = await get({ bearer: secrets.shop });
  assert.doesNotMatch(text, /eyJ|token|persona_|nonce|signature/);
});

test("STORE_KEYS rotates: what an older key sealed is taken; what no key opens is passed over, told, and comes back with its key", async (t) => {
  const [first, second] = [newStoreKey("a"), newStoreKey("b")];
  const stores = await persistent(t);
  const { cron, shop, restart, billed, shelf, gateway } = await openPool(t, simulator, { sizes: { [CLAIM_TYPE]: 2 }, settings: { STORE_KEYS: first }, ...stores });
  await cron();
  await restart({ settings: { STORE_KEYS: `${second},${first}` } });
  passOf(await shop().issue({ "claim-type": CLAIM_TYPE }));
  await cron();
  assert.deepEqual([billed(), (await shelf()).ready], [3, 2]);
  await restart({ settings: { STORE_KEYS: second } });
  assert.equal((await shelf()).ready, 1);
  const one = passOf(await shop().issue({ "claim-type": CLAIM_TYPE }));
  assert.equal(billed(), 3);
  assert.match((await gateway().log(({ event, code }) => event === "pool" && code === "stored_record_invalid")).mend[0], /^POOL: .*STORE_KEYS/);
  await restart({ settings: { STORE_KEYS: `${second},${first}` } });
  const two = passOf(await shop().issue({ "claim-type": CLAIM_TYPE }));
  assert.notEqual(one, two);
  assert.deepEqual([billed(), (await shelf()).ready], [3, 0]);
});

test("neither the files of the objects nor the log hold a pass, a relay, a caller or a key in the clear", async (t) => {
  const stores = await persistent(t);
  const { cron, shop, relay, gateway, secrets, restart } = await openPool(t, simulator, stores);
  await cron();
  const token = await relay();
  const passes = [passOf(await shop().issue({ "relay-token": token })), passOf(await shop().issue({ "claim-type": CLAIM_TYPE }, keyed("an-idempotency-key-of-the-shop")))];
  simulator.faults.set([{ call: "purchase", fault: "500-after" }]);
  await cron(); // one is left in doubt
  const inside = passes.flatMap((pass) => {
    const { token_nonce: nonce, signature } = JSON.parse(Buffer.from(pass, "base64url").toString());
    return [pass, pass.slice(0, 60), nonce, signature];
  });
  const keys = simulator.requests().filter(({ call }) => call === "purchase").map(({ rawHeaders }) => rawHeaders.find(([name]) => name.toLowerCase() === "idempotency-key")[1]);
  const canaries = [...inside, ...keys, token, "an-idempotency-key-of-the-shop", API_KEY, secrets.shop, secrets.bindings.STORE_KEYS.slice(3), "pending_pass", "blinded"];
  const output = gateway().output();
  await restart();
  const files = (await readdir(stores.durableObjectsPersist, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  const texts = await Promise.all(files.map(({ parentPath, path: folder, name }) => readFile(path.join(parentPath ?? folder, name), "latin1")));
  assert.ok(texts.join("").includes("gateway_pool_slots"), "this is not where it is kept");
  for (const canary of canaries) {
    assert.ok(!texts.some((text) => text.includes(canary)), `a file holds ${canary}`);
    assert.ok(!output.includes(canary), `the log holds ${canary}`);
  }
});
