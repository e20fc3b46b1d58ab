/**
 * The books: every pass that was billed, every pass that was spent or handed back, and what was refused. Tests
 * assert on these numbers ("billed exactly once"), so they are counted where the thing happens and nowhere else.
 */

/**
 * @typedef {{ apiKey: string, environment: string, claimType: string, idempotencyKey: string }} Billing
 * @typedef {object} LedgerView
 * @property {{ total: number, byApiKey: Record<string, number>, byEnvironment: Record<string, number>,
 *   byClaimType: Record<string, number>, byIdempotencyKey: Record<string, number> }} billed
 * @property {{ total: number }} spent passes that were spent
 * @property {{ total: number }} refunded redemptions that handed the pass back
 * @property {{ purchases: number, redemptions: number }} replayed answers given again under their idempotency key
 * @property {{ total: number, byCode: Record<string, number> }} refused
 * @property {Record<string, number>} platformHeaders headers a hosting platform added to anonymous calls, by name
 * @property {Record<string, { claimType: string, environment: string, encrypted: boolean,
 *   state: 'pending' | 'passed' | 'failed', redeemed: boolean, refunds: number }>} relays by relay token
 */

/** Counts. */
export class Ledger {
  /** @type {Billing[]} */
  #billed = [];
  #refunded = 0;
  #replayed = { purchases: 0, redemptions: 0 };
  /** @type {string[]} */
  #refused = [];
  /** @type {string[]} */
  #platformHeaders = [];

  /** @param {Billing} billing */
  bill(billing) {
    this.#billed.push(billing);
  }

  /** A pass was handed back. */
  refund() {
    this.#refunded += 1;
  }

  /** @param {'purchases' | 'redemptions'} what */
  replay(what) {
    this.#replayed[what] += 1;
  }

  /** @param {string} code */
  refuse(code) {
    this.#refused.push(code);
  }

  /** @param {string[]} names */
  sawPlatformHeaders(names) {
    this.#platformHeaders.push(...names);
  }

  /**
   * @param {{ relays: import('./relays.mjs').Relays, passes: import('./passes.mjs').Passes }} state
   * @returns {LedgerView} plain data, without secrets
   */
  view({ relays, passes }) {
    return {
      billed: {
        total: this.#billed.length,
        byApiKey: count(this.#billed.map(({ apiKey }) => apiKey)),
        byEnvironment: count(this.#billed.map(({ environment }) => environment)),
        byClaimType: count(this.#billed.map(({ claimType }) => claimType)),
        byIdempotencyKey: count(this.#billed.map(({ idempotencyKey }) => idempotencyKey)),
      },
      spent: { total: passes.spentCount },
      refunded: { total: this.#refunded },
      replayed: { ...this.#replayed },
      refused: { total: this.#refused.length, byCode: count(this.#refused) },
      platformHeaders: count(this.#platformHeaders),
      relays: Object.fromEntries(
        Array.from(relays.all(), ({ token, claimType, environment, encryptionKey, result, redeemed, refunds }) => [
          token,
          { claimType, environment, encrypted: encryptionKey !== null, state: result ?? 'pending', redeemed, refunds },
        ]),
      ),
    };
  }

  /** Back to zero. */
  reset() {
    this.#billed = [];
    this.#refunded = 0;
    this.#replayed = { purchases: 0, redemptions: 0 };
    this.#refused = [];
    this.#platformHeaders = [];
  }
}

/** @param {string[]} names @returns {Record<string, number>} */
function count(names) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(counts);
}
