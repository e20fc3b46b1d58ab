/** Two platforms that buy and redeem, each through a deployment of its own, in the two ways that are compared. */
import assert from "node:assert/strict";
import { startEgress } from "../support/egress_worker.mjs";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets, send } from "../worker/support.mjs";
import { randomOf, shuffle } from "./classifier.mjs";
import { redemptionsOf } from "./features.mjs";
import { startCuriousPersona } from "./persona.mjs";

const ACCOUNTS = { shop: "persona_production_shop", bank: "persona_production_bank" };
const NAMES = /** @type {(keyof typeof ACCOUNTS)[]} */ (Object.keys(ACCOUNTS));

const pause = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Kept by each platform: what it uses between two top-ups, and a half more. */
const POOL = 30;
const BETWEEN_TOP_UPS = 20;

/**
 * @typedef {object} Platform
 * @property {string} name
 * @property {ReturnType<typeof caller>} calls
 * @property {() => Promise<void>} cron
 * @property {() => Promise<number>} missing passes of the pool
 * @property {() => Record<string, unknown>[]} logs
 */

/**
 * As deployed with nothing set, or with a neutral egress alone; each platform buys, and redeems right after.
 *
 * @param {number} each @param {number} seed @param {{ neutral?: boolean }} [how]
 */
export async function atOnce(each, seed, { neutral = false } = {}) {
  return observed({ tags: false, neutral, pool: 0 }, async (platforms, simulator, note) => {
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
 * Anonymous calls by one egress, passes of a pool, redeemed at random times. What is an hour in a deployment is seconds here, and
 * a top-up takes seconds there too: so nobody redeems during one, unless `meanwhile`. `tags`: against a Persona that makes each
 * challenge unique.
 *
 * @param {number} each @param {number} seed @param {{ tags?: boolean, meanwhile?: boolean }} [how]
 */
export async function neutrally(each, seed, { tags = false, meanwhile = false } = {}) {
  return observed({ tags, neutral: true, pool: meanwhile ? each : POOL }, async (platforms, simulator, note) => {
    const random = randomOf(seed);
    // Not at the same moment: what two buy would be mixed, and Persona could not tell challenges apart as well.
    const topUp = async () => {
      for (const { cron } of platforms) await cron();
    };
    /** @type {Promise<unknown>[]} */
    const topUps = [];
    const people = peopleOf(platforms, each, seed);
    const hour = platforms.length * BETWEEN_TOP_UPS;
    const wave = meanwhile ? people.length : hour;
    for (let from = 0; from < people.length; from += wave) {
      while ((await Promise.all(platforms.map(({ missing }) => missing()))).some((count) => count > 0)) await topUp();
      await Promise.all(people.slice(from, from + wave).map(async ({ name, calls }, index) => {
        await pause(40 * index + 40 * random());
        if (meanwhile && index % hour === hour - 1) topUps.push(topUp());
        const { token } = await newRelay(calls, simulator);
        assert.equal((await calls.issue({ "relay-token": token })).status, 200);
        note(token, name);
        for (let answer = await calls.redeem(token); answer.status !== 200; answer = await calls.redeem(token)) {
          assert.equal(answer.error.code, "claim_not_ready", answer.text);
          await pause(300);
        }
      }));
    }
    await Promise.all(topUps);
    for (const { logs } of platforms) assert.deepEqual(logs().filter(({ code }) => code === "pool_empty"), [], "a purchase of its own");
  });
}

/**
 * Whose person comes next: of each pair one of each platform's, in any order. That one of them is busier at some time would
 * be told by the time alone, and says nothing of how they buy.
 *
 * @param {Platform[]} platforms @param {number} each @param {number} seed
 */
function peopleOf(platforms, each, seed) {
  return Array.from({ length: each }, (_, index) => shuffle(platforms, seed + 1000 * index)).flat();
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
 * @param {{ tags: boolean, neutral: boolean, pool: number }} how
 * @param {(platforms: Platform[], simulator: import("../../simulator/index.mjs").Simulator, note: (token: string, name: string) => void) => Promise<void>} work
 * @returns {Promise<import("./classifier.mjs").Case[]>}
 */
async function observed({ tags, neutral, pool }, work) {
  const { simulator, seen } = await startCuriousPersona({ accounts: ACCOUNTS, tags });
  const egress = neutral ? await startEgress({ upstream: simulator.url, zone: "neutral.example" }) : undefined;
  const gateways = [];
  try {
    const platforms = [];
    for (const name of NAMES) {
      const { shop: token, bindings } = managedSecrets();
      const gateway = await startGateway({
        upstream: simulator.url,
        bindings: { ...bindings, PERSONA_API_KEY: ACCOUNTS[name], ...(pool > 0 && { REDEEM_DELAY_S: "0-3", PASS_POOL: JSON.stringify({ [CLAIM_TYPE]: pool }) }) },
        zone: `${name}.example`,
        ...(egress && { egress: egress.address }),
      });
      gateways.push(gateway);
      const shelf = async () => (await send(`${gateway.url}/pool`, { method: "GET", bearer: token })).body.pool[0];
      const missing = async () => (({ wanted, ready }) => wanted - ready)(await shelf());
      platforms.push({ name, calls: caller(gateway, token), cron: () => gateway.cron(), missing, logs: gateway.logs });
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
