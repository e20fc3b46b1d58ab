/** Redeeming again, from anywhere, reads the same claim and spends nothing. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import { CLAIM_TYPE, Persona, failure, headersOf, library, libraryUrl, readyRelay, useSimulator } from "./support.mjs";

const { MemoryStore } = await import(new URL("stores.js", libraryUrl).href);

const simulator = await useSimulator();

/** Runs all ways on one relay: one claim, one key, spent once. */
async function assertOneRedemption(relay, ways) {
  const before = simulator.ledger();
  const claims = [];
  const { requests } = await simulator.during(undefined, async () => {
    for (const way of ways) claims.push(await way(relay));
  });
  for (const claim of claims) assert.deepEqual(claim, claims[0]);
  assert.equal(claims[0].tokenConsumed, true);
  const keys = requests.map((request) => headersOf(request)["idempotency-key"]);
  assert.equal(keys.length, ways.length);
  assert.equal(new Set(keys).size, 1);
  const now = simulator.ledger();
  assert.equal(now.spent.total, before.spent.total + 1);
  assert.equal(now.replayed.redemptions, before.replayed.redemptions + ways.length - 1);
  assert.equal(now.refused.total, before.refused.total);
}

/** In a process that remembers nothing. */
async function inChild(relay) {
  const program = `
    const { Persona } = await import(process.env.LIBRARY);
    const { relays } = new Persona({ baseUrl: process.env.UPSTREAM });
    console.log(JSON.stringify(await relays.generateClaim(JSON.parse(process.env.RELAY))));`;
  const env = { ...process.env, LIBRARY: libraryUrl, UPSTREAM: simulator.url, RELAY: JSON.stringify(relay), NODE_TEST_CONTEXT: undefined };
  // A timer that was left behind would keep the process for 10 s: then it is killed, and this fails.
  const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "-e", program], { env, timeout: 8000 });
  return JSON.parse(stdout);
}

test("from the same client, another client, and another process", async () => {
  const persona = simulator.client();
  const again = (relay) => persona.relays.generateClaim(relay);
  const other = (relay) => new Persona({ baseUrl: `${simulator.url}/` }).relays.generateClaim(relay);
  await assertOneRedemption(await readyRelay(simulator), [again, again, other, inChild]);
});

test("a pass is one pass, padded or not", async () => {
  // Passes come in all lengths; one that needs padding is found soon.
  let relay;
  do relay = await readyRelay(simulator, { claimType: `${CLAIM_TYPE}${"_".repeat(Math.floor(Math.random() * 3))}` });
  while (relay.privacyPassToken.length % 4 === 0);
  const { relays } = simulator.client();
  const padded = `${relay.privacyPassToken}${"=".repeat(4 - (relay.privacyPassToken.length % 4))}`;
  await assertOneRedemption(relay, [(relay) => relays.generateClaim(relay), (relay) => relays.generateClaim({ ...relay, privacyPassToken: padded })]);
});

test("half a padding is no spelling", async () => {
  for (const privacyPassToken of ["cGFzcw=", "cGFzcw===", "cGFzcx", "cGFz\n", "cGF+", "", "====", "cGF zcw"]) {
    const error = await failure(simulator.client().relays.generateClaim({ relayToken: "relay_x", relaySecret: "s", privacyPassToken }));
    assert.equal(error.field, "privacyPassToken", JSON.stringify(privacyPassToken));
  }
});

test("the key follows from the relay token, the relay secret and the pass: each of them", async () => {
  const { requests } = await simulator.during(undefined, async () => {
    const { relays } = simulator.client({ maxRetries: 0 });
    const one = { relayToken: "relay_a", relaySecret: "s", privacyPassToken: "cGFzczE" };
    for (const relay of [one, { ...one, relayToken: "relay_b" }, { ...one, relaySecret: "t" }, { ...one, privacyPassToken: "cGFzczI" }]) await failure(relays.generateClaim(relay));
  });
  assert.equal(new Set(requests.map((request) => headersOf(request)["idempotency-key"])).size, 4);
});

test("every answer of a call lost: the next call reads the claim", async () => {
  const relay = await readyRelay(simulator);
  const spent = simulator.ledger().spent.total;
  const lost = async ({ response }, next) => (await next(), response.socket?.resetAndDestroy(), null);
  const { result: error } = await simulator.during(lost, () => failure(simulator.client({ maxRetries: 2 }).relays.generateClaim(relay)));
  assert.equal(error.code, "transport_failed");
  assert.equal((await simulator.client().relays.generateClaim(relay)).tokenConsumed, true);
  assert.equal(await inChild(relay).then((claim) => claim.tokenConsumed), true);
  assert.equal(simulator.ledger().spent.total, spent + 1);
});

test("a refusal is no answer to keep: asked too early, asked again in time", async () => {
  const { relays } = simulator.client({ maxRetries: 0 });
  const relay = await relays.create({ claimType: CLAIM_TYPE });
  const pass = await relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
  assert.equal((await failure(relays.generateClaim({ ...relay, ...pass }))).code, "claim_not_ready");
  simulator.complete(relay.relayToken, { result: "passed" });
  assert.equal((await relays.generateClaim({ ...relay, ...pass })).tokenConsumed, true);
});

test("a Persona that keeps refusals too: who came too early is refused again without a record, and reads the claim with one", async () => {
  const keeping = await useSimulator({ keepRedemptionFailures: true });
  const ways = {
    "without a record": (relay) => keeping.client().relays.generateClaim(relay),
    "with a record": (relay, store) => keeping.client().relays.generateClaim(relay, { record: store.record("r") }),
    "with a ledger": (relay, store) => new library.RelayLedger({ baseUrl: keeping.url, store }).generateClaim(relay),
  };
  const outcomes = {};
  for (const [way, redeem] of Object.entries(ways)) {
    const store = new MemoryStore();
    const { relays } = keeping.client();
    const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
    const relay = { relayToken, relaySecret, ...(await relays.issuePrivacyPass({ claimType: CLAIM_TYPE })) };
    assert.equal((await failure(redeem(relay, store))).code, "claim_not_ready");
    keeping.complete(relayToken, { result: "passed" });
    outcomes[way] = await redeem(relay, store).then(({ tokenConsumed }) => tokenConsumed, ({ statusCode }) => statusCode);
  }
  assert.deepEqual(outcomes, { "without a record": 403, "with a record": true, "with a ledger": true });
});

test("twenty redemptions of one pass at once", async () => {
  const relay = await readyRelay(simulator);
  const spent = simulator.ledger().spent.total;
  const claims = await Promise.all(Array.from({ length: 20 }, () => simulator.client().relays.generateClaim(relay)));
  for (const claim of claims) assert.deepEqual(claim, claims[0]);
  assert.equal(simulator.ledger().spent.total, spent + 1);
});
