/** A gateway with a pool of passes bought ahead, and what the tests do with it. */
import assert from "node:assert/strict";
import { startGateway } from "../support/gateway.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets, send } from "./support.mjs";

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** A clock for the simulator that can be set ahead. */
export const clock = { ahead: 0, now: () => Date.now() + clock.ahead };

/** Asks at once, and answers all of the answers. @template T @param {number} count @param {(index: number) => Promise<T>} work */
export const many = (count, work) => Promise.all(Array.from({ length: count }, (_, index) => work(index)));

/**
 * @param {import("node:test").TestContext} t
 * @param {any} simulator
 * @param {{ sizes?: Record<string, number> | null, settings?: Record<string, string>, [option: string]: any }} [options] and those of `startGateway`
 */
export async function openPool(t, simulator, { sizes = { [CLAIM_TYPE]: 3 }, settings = {}, ...options } = {}) {
  const secrets = managedSecrets();
  const start = (more = {}) => {
    const { sizes: given = sizes, settings: own = settings, ...rest } = { ...options, ...more };
    const bindings = { ...secrets.bindings, ...(given !== null && { PASS_POOL: JSON.stringify(given) }), ...own };
    return startGateway({ upstream: simulator.url, bindings, ...rest });
  };
  let gateway = await start();
  let closed = false;
  const kill = async () => {
    if (!closed) await gateway.close();
    closed = true;
  };
  t.after(kill);
  const from = simulator.ledger().billed.total;
  const shop = () => caller(gateway, secrets.shop);
  const pool = async () => {
    const { status, body } = await send(`${gateway.url}/pool`, { method: "GET", bearer: secrets.shop });
    assert.equal(status, 200);
    return body.pool;
  };
  return {
    secrets,
    gateway: () => gateway,
    shop,
    bank: () => caller(gateway, secrets.bank),
    pool,
    /** How the one claim type stands. */
    shelf: async (claimType = CLAIM_TYPE) => (await pool()).find((shelf) => shelf["claim-type"] === claimType),
    cron: () => gateway.cron(),
    billed: () => simulator.ledger().billed.total - from,
    /** Of the relays that are made here. */
    relay: async (who = shop(), body = {}) => {
      const { body: relay } = await who.create(body);
      await complete(simulator, relay["relay-token"]);
      return relay["relay-token"];
    },
    /** What was asked upstream meanwhile, by call. */
    async asked(work) {
      const seen = simulator.requests().length;
      const result = await work();
      return { result, calls: simulator.requests().slice(seen).map(({ call }) => call) };
    },
    /** Lets time pass, for the gateway and the simulator. With `ledger: "aging"`. */
    async pass(ms) {
      clock.ahead += ms;
      await gateway.age({ token: "a_clock", secret: "a_clock" }, ms);
    },
    kill,
    /** Killed, and started again on the same stores. */
    async restart(more = {}) {
      await kill();
      gateway = await start(more);
      closed = false;
    },
  };
}

/** The pass of an answer that has one. @param {{ status: number, body: any, text: string }} answer @returns {string} */
export function passOf(answer) {
  assert.equal(answer.status, 200, answer.text);
  return answer.body["privacy-pass-token"];
}

/** Nothing was billed twice. @param {any} simulator */
export function assertBilledOnce(simulator) {
  assert.deepEqual(simulator.summary().doubleBilled, []);
}
