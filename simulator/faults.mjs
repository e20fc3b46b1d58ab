/**
 * Faults: what makes upstream calls go wrong on request. Rules say which (fault_rules.mjs), actions do it
 * (fault_actions.mjs); here a rule is chosen for each request, and exchanges are held and let go.
 */
import crypto from 'node:crypto';
import { carryOut, reset } from './fault_actions.mjs';
import { ActiveRule, CALLS, invalid, readRule } from './fault_rules.mjs';
import { header } from './strict.mjs';

/** How long {@link Faults.processed} waits when it is not told, milliseconds. */
const WAIT_MS = 30_000;

/**
 * @typedef {object} Subject what a rule may look at
 * @property {string} call
 * @property {string | null} relayToken
 * @property {string | null} idempotencyKey
 * @property {string} subject the relay token, else the idempotency key, else nothing
 *
 * @typedef {{ call: string, requestId: string, relayToken: string | null, idempotencyKey: string | null, status: number }} Processed
 *   an exchange that `hold-after` holds; `status` is what it is going to be answered with
 *
 * @typedef {object} Held
 * @property {string} call
 * @property {string} requestId
 * @property {import('./http.mjs').Exchange} exchange
 * @property {(how: 'answer' | 'drop' | 'gone') => void} letGo
 *
 * @typedef {{ call: string, tell: (event: Processed) => void }} Waiter
 */

/** The rules in force, and the exchanges they hold. */
export class Faults {
  /** @type {ActiveRule[]} */
  #rules = [];
  #seed = 0;
  /** @type {Map<string, number>} requests by call and subject, since the rules were set */
  #counts = new Map();
  /** @type {Set<Held>} */
  #held = new Set();
  /** @type {Processed[]} that nobody has asked for yet */
  #events = [];
  /** @type {Set<Waiter>} */
  #waiters = new Set();
  #options;

  /** @param {{ now: () => number, keepsFailures: (call: string) => boolean }} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * Puts these rules in place of those before; what is held stays held. Rules are asked in their order, and the
   * first that strikes is the only one.
   * @param {unknown[]} rules
   * @param {number} [seed] of the draws for `probability`; a random one when it is left out
   * @returns {{ seed: number, rules: Record<string, unknown>[] }}
   */
  set(rules, seed = crypto.randomInt(2 ** 32)) {
    if (!Array.isArray(rules)) throw invalid('rules must be an array.');
    if (!Number.isSafeInteger(seed)) throw invalid('seed must be a whole number.');
    const read = rules.map(readRule);
    this.#rules = read.map((rule, index) => new ActiveRule(rule, `${seed}/${index}`));
    this.#seed = seed;
    this.#counts.clear();
    this.#events = [];
    return this.view();
  }

  /** No more faults, and what is held is answered. */
  clear() {
    this.#rules = [];
    this.#counts.clear();
    this.#events = [];
    this.release();
  }

  /** {@link clear}, except that what is held is dropped. */
  reset() {
    this.release({ drop: true });
    this.clear();
  }

  /** @returns {Record<string, any>[]} the rules as they were set, each with `seen` and `fired` */
  fired() {
    return this.#rules.map((rule) => rule.view());
  }

  /** @returns {{ seed: number, rules: Record<string, unknown>[], held: { call: string, requestId: string }[] }} */
  view() {
    return { seed: this.#seed, rules: this.fired(), held: Array.from(this.#held, ({ call, requestId }) => ({ call, requestId })) };
  }

  /**
   * Lets exchanges go that hang or are held: they are answered, or their connections reset.
   * @param {{ call?: string, requestId?: string, drop?: boolean }} [which] all when it says nothing
   * @returns {number} how many
   */
  release({ call, requestId, drop = false } = {}) {
    if (call !== undefined) requireCall(call);
    const chosen = [...this.#held].filter((held) => (call ?? held.call) === held.call && (requestId ?? held.requestId) === held.requestId);
    for (const held of chosen) held.letGo(drop ? 'drop' : 'answer');
    return chosen.length;
  }

  /**
   * The next exchange that was processed and is held by `hold-after`. Each is told once, whether somebody waits
   * already or comes later.
   * @param {string} call @param {{ timeoutMs?: number }} [options]
   * @returns {Promise<Processed>}
   */
  async processed(call, { timeoutMs = WAIT_MS } = {}) {
    const event = await this.waitProcessed(call, timeoutMs);
    if (event === null) throw new Error(`No ${call} was processed and held within ${timeoutMs} ms.`);
    return event;
  }

  /**
   * @param {string} call @param {number} [timeoutMs] @param {AbortSignal} [signal]
   * @returns {Promise<Processed | null>} null when the time is over, or on abort
   */
  waitProcessed(call, timeoutMs = WAIT_MS, signal = undefined) {
    requireCall(call);
    const at = this.#events.findIndex((event) => event.call === call);
    if (at >= 0) return Promise.resolve(this.#events.splice(at, 1)[0]);
    return new Promise((resolve) => {
      const settle = (/** @type {Processed | null} */ event) => {
        this.#waiters.delete(waiter);
        clearTimeout(timer);
        resolve(event);
      };
      const waiter = { call, tell: settle };
      const timer = setTimeout(() => settle(null), timeoutMs);
      this.#waiters.add(waiter);
      signal?.addEventListener('abort', () => settle(null), { once: true });
    });
  }

  /**
   * Stands around every upstream call.
   * @param {import('./http.mjs').Exchange} exchange
   * @param {(change?: import('./http.mjs').Change) => Promise<import('./http.mjs').Answer | null>} next
   * @returns {Promise<import('./http.mjs').Answer | null>}
   */
  async intercept(exchange, next) {
    const chosen = this.#rules.length > 0 ? this.#choose(exchange) : null;
    if (chosen === null) return next();
    const { rule, repeats } = chosen;
    const hold = async (/** @type {number | undefined} */ ms) => {
      const how = await this.#hold(exchange, ms);
      if (how === 'drop') reset(exchange);
      return how === 'answer';
    };
    return carryOut({
      rule,
      exchange,
      repeats,
      keepsFailures: this.#options.keepsFailures(exchange.call),
      now: this.#options.now,
      hang: hold,
      process: async (change) => {
        const answer = await next(change);
        if (answer === null || !rule.holdAfter || repeats) return answer;
        this.#tell(exchange, answer);
        return (await hold(undefined)) ? answer : null;
      },
    });
  }

  /** @param {import('./http.mjs').Exchange} exchange @returns {{ rule: import('./fault_rules.mjs').Rule, repeats: boolean } | null} */
  #choose({ call, request, relayToken }) {
    const idempotencyKey = header(request, 'idempotency-key') ?? null;
    const subject = relayToken ?? idempotencyKey ?? '';
    const slot = `${call} ${subject}`;
    const nth = (this.#counts.get(slot) ?? 0) + 1;
    this.#counts.set(slot, nth);
    let chosen = null;
    for (const active of this.#rules) {
      const verdict = active.judge({ call, relayToken, idempotencyKey, subject }, nth, chosen !== null);
      if (verdict !== 'no') chosen = { rule: active.rule, repeats: verdict === 'repeats' };
    }
    return chosen;
  }

  /**
   * Waits until the exchange is let go, its client is gone, or `ms` are over. With `ms` a client that goes away
   * changes nothing: a request that arrived late is processed all the same.
   * @param {import('./http.mjs').Exchange} exchange @param {number | undefined} ms
   * @returns {Promise<'answer' | 'drop' | 'gone'>}
   */
  #hold(exchange, ms) {
    const { call, requestId, response } = exchange;
    return new Promise((resolve) => {
      /** @type {NodeJS.Timeout | undefined} */
      let timer;
      const gone = () => held.letGo('gone');
      /** @type {Held} */
      const held = {
        call,
        requestId,
        exchange,
        letGo: (how) => {
          this.#held.delete(held);
          clearTimeout(timer);
          response.off('close', gone);
          resolve(how);
        },
      };
      this.#held.add(held);
      if (ms !== undefined) timer = setTimeout(() => held.letGo('answer'), ms);
      else if (response.closed || response.destroyed) gone();
      else response.once('close', gone);
    });
  }

  /** @param {import('./http.mjs').Exchange} exchange @param {import('./http.mjs').Answer} answer */
  #tell({ call, request, requestId, relayToken }, answer) {
    const made = /** @type {{ relayToken?: string }} */ (answer.body).relayToken;
    const event = {
      call,
      requestId,
      relayToken: relayToken ?? made ?? null,
      idempotencyKey: header(request, 'idempotency-key') ?? null,
      status: answer.status,
    };
    const waiter = [...this.#waiters].find((waiting) => waiting.call === call);
    if (!waiter) return void this.#events.push(event);
    this.#waiters.delete(waiter);
    // Once the exchange is held, so that whoever is told can release it.
    queueMicrotask(() => waiter.tell(event));
  }
}

/** @param {string} call */
function requireCall(call) {
  if (!CALLS.includes(call)) throw invalid(`call must be one of ${CALLS.join(', ')}, not ${JSON.stringify(call).slice(0, 80)}.`);
}
