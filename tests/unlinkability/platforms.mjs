/** Two platforms that buy and redeem, each through a deployment of its own, in the two ways that are compared. */
import assert from "node:assert/strict";
import { startEgress } from "../support/egress_worker.mjs";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets, newToken } from "../worker/support.mjs";
import { randomOf, shuffle } from "./classifier.mjs";
import { redemptionsOf } from "./features.mjs";
import { startCuriousPersona } from "./persona.mjs";

const ACCOUNTS = { shop: "persona_production_shop", bank: "persona_production_bank" };
const NAMES = /** @type {(keyof typeof ACCOUNTS)[]} */ (Object.keys(ACCOUNTS));

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * @typedef {object} Platform
 * @property {string} name
 * @property {ReturnType<typeof caller>} calls
 */

/**
 * As deployed with nothing set, or with a neutral egress alone; each platform buys, and redeems right after.
 *
 * @param {number} each @param {number} seed @param {{ neutral?: boolean }} [how]
 */
export async function atOnce(each, seed, { neutral = false } = {}) {
  return observed({ tags: false, neutral, delayed: false }, async (platforms, simulator, note) => {
    const random = randomOf(seed);
    // One person at a time, as where people are minutes apart.
    for (const { name, calls } of peopleOf(platforms, each, seed)) {
      await pause(40 * random());
      const { token } = await newRelay(calls, simulator);
      assert.equal((await calls.issue({ "relay-token": token })).status, 200);
      assert.equal((await calls.redeem(token)).status, 200);
      note(token, name);
    }
  });
}

/**
 * Anonymous calls by one egress, passes bought ahead, redeemed at random times. What is minutes in a deployment is seconds
 * here. `tags`: against a Persona that makes each challenge unique.
 *
 * @param {number} each @param {number} seed @param {{ tags?: boolean }} [against]
 */
export async function neutrally(each, seed, { tags = false } = {}) {
  return observed({ tags, neutral: true, delayed: true }, async (platforms, simulator, note) => {
    const random = randomOf(seed);
    /** @type {Map<string, object[]>} */
    const stock = new Map(platforms.map(({ name }) => [name, []]));
    for (const { name, calls } of peopleOf(platforms, each, seed + 1)) {
      const { status, body } = await calls.issue({ "claim-type": CLAIM_TYPE }, { headers: { "idempotency-key": newToken() } });
      assert.equal(status, 200);
      stock.get(name)?.push(body);
    }
    for (const [name, passes] of stock) stock.set(name, shuffle(passes, seed));
    await Promise.all(peopleOf(platforms, each, seed).map(async ({ name, calls }, index) => {
      await pause(40 * index + 40 * random());
      const { token } = await newRelay(calls, simulator);
      const pass = stock.get(name)?.pop();
      note(token, name);
      for (let answer = await calls.redeem(token, pass); answer.status !== 200; answer = await calls.redeem(token)) {
        assert.equal(answer.error.code, "claim_not_ready", answer.text);
        await pause(300);
      }
    }));
  });
}

/** Whose person comes next. @param {Platform[]} platforms @param {number} each @param {number} seed */
function peopleOf(platforms, each, seed) {
  return shuffle(platforms.flatMap((platform) => Array.from({ length: each }, () => platform)), seed);
}

/** @param {ReturnType<typeof caller>} calls @param {{ url: string }} simulator */
async function newRelay(calls, simulator) {
  const { status, body } = await calls.create();
  assert.equal(status, 200);
  await complete(simulator, body["relay-token"]);
  return { token: body["relay-token"] };
}

/**
 * Runs what the platforms do, and answers what Persona makes of each redemption, with the truth beside it.
 *
 * @param {{ tags: boolean, neutral: boolean, delayed: boolean }} how
 * @param {(platforms: Platform[], simulator: { url: string }, note: (token: string, name: string) => void) => Promise<void>} work
 * @returns {Promise<import("./classifier.mjs").Case[]>}
 */
async function observed({ tags, neutral, delayed }, work) {
  const { simulator, seen } = await startCuriousPersona({ accounts: ACCOUNTS, tags });
  const egress = neutral ? await startEgress({ upstream: simulator.url, zone: "neutral.example" }) : undefined;
  const gateways = [];
  try {
    const platforms = [];
    for (const name of NAMES) {
      const { shop: token, bindings } = managedSecrets();
      const gateway = await startGateway({
        upstream: simulator.url,
        bindings: { ...bindings, PERSONA_API_KEY: ACCOUNTS[name], ...(delayed && { REDEEM_DELAY_S: "0-3" }) },
        zone: `${name}.example`,
        ...(egress && { egress: egress.address }),
      });
      gateways.push(gateway);
      platforms.push({ name, calls: caller(gateway, token) });
    }
    const truth = new Map();
    await work(platforms, simulator, (token, name) => truth.set(token, name));
    return redemptionsOf(seen).map(({ relay, features }) => ({ label: truth.get(relay), features }));
  } finally {
    for (const gateway of gateways) await gateway.close();
    await egress?.close();
    await simulator.close();
  }
}
