/**
 * The books: every pass that was billed, every pass that was spent or handed back, and what was refused. Tests
 * assert on these numbers ("billed exactly once"), so they are counted where the thing happens and nowhere else.
 */
import crypto from 'node:crypto';

/**
 * @typedef {object} Purchase one billing
 * @property {string} idempotencyKey
 * @property {string} keyId
 * @property {string} environment
 * @property {string} claimType
 * @property {string} blindedTokenSha256 hex, of the decoded bytes
 * @property {number} at milliseconds since 1970
 *
 * @typedef {object} Redemption what happened to one relay, replays not counted
 * @property {number} spent
 * @property {string[]} spentUnder idempotency keys, one for each time
 * @property {number} refunded
 * @property {string[]} refundedUnder
 * @property {string[]} passSha256 hex, of the passes as they stood in Authorization, spent ones and those handed back
 * @property {number} lastAt milliseconds since 1970
 *
 * @typedef {Purchase & { why: 'blinded-token' | 'idempotency-key' }} DoubleBilling a billing too many
 *
 * @typedef {object} LedgerSummary
 * @property {{ total: number, byApiKey: Record<string, number>, byEnvironment: Record<string, number>,
 *   byClaimType: Record<string, number> }} billed
 * @property {{ total: number }} spent passes that were spent
 * @property {{ total: number }} refunded redemptions that handed the pass back
 * @property {{ purchases: number, redemptions: number }} replayed answers given again under their idempotency key
 * @property {{ total: number, byCode: Record<string, number> }} refused
 * @property {Record<string, number>} platformHeaders headers a hosting platform added to anonymous calls, by name
 * @property {DoubleBilling[]} doubleBilled billings of a blinded token or under a key that was billed before
 *
 * @typedef {object} LedgerLists
 * @property {{ byIdempotencyKey: Record<string, number> }} billed
 * @property {Purchase[]} purchases in the order of billing
 * @property {Record<string, Redemption>} redemptions by relay token, of relays that were redeemed at least once
 * @property {Record<string, { claimType: string, environment: string, encrypted: boolean,
 *   state: 'pending' | 'passed' | 'failed', redeemed: boolean, refunds: number }>} relays by relay token
 *
 * @typedef {LedgerSummary & LedgerLists} LedgerView
 */

/** Counts. */
export class Ledger {
  /** @type {Purchase[]} */
  #purchases = [];
  /** @type {DoubleBilling[]} */
  #doubleBilled = [];
  #byApiKey = new Counts();
  #byEnvironment = new Counts();
  #byClaimType = new Counts();
  #byIdempotencyKey = new Counts();
  #byBlindedToken = new Counts();
  /** @type {Map<string, Redemption>} */
  #redemptions = new Map();
  #refunded = 0;
  #replayed = { purchases: 0, redemptions: 0 };
  #refused = new Counts();
  #platformHeaders = new Counts();

  /** @param {Omit<Purchase, 'blindedTokenSha256'> & { apiKey: string, blinded: Buffer }} billing */
  bill({ apiKey, blinded, ...billing }) {
    const purchase = { ...billing, blindedTokenSha256: sha256(blinded) };
    this.#purchases.push(purchase);
    this.#byApiKey.add(apiKey);
    this.#byEnvironment.add(purchase.environment);
    this.#byClaimType.add(purchase.claimType);
    const ofKey = this.#byIdempotencyKey.add(purchase.idempotencyKey);
    const ofToken = this.#byBlindedToken.add(purchase.blindedTokenSha256);
    if (ofToken > 1) this.#doubleBilled.push({ ...purchase, why: 'blinded-token' });
    else if (ofKey > 1) this.#doubleBilled.push({ ...purchase, why: 'idempotency-key' });
  }

  /**
   * A pass was spent, or looked at and handed back.
   * @param {{ relayToken: string, idempotencyKey: string, token: string, consumed: boolean, at: number }} redemption
   */
  redeem({ relayToken, idempotencyKey, token, consumed, at }) {
    let of = this.#redemptions.get(relayToken);
    if (!of) {
      of = { spent: 0, spentUnder: [], refunded: 0, refundedUnder: [], passSha256: [], lastAt: at };
      this.#redemptions.set(relayToken, of);
    }
    of.lastAt = at;
    of.passSha256.push(sha256(token));
    if (consumed) {
      of.spent += 1;
      of.spentUnder.push(idempotencyKey);
    } else {
      of.refunded += 1;
      of.refundedUnder.push(idempotencyKey);
      this.#refunded += 1;
    }
  }

  /** @param {'purchases' | 'redemptions'} what */
  replay(what) {
    this.#replayed[what] += 1;
  }

  /** @param {string} code */
  refuse(code) {
    this.#refused.add(code);
  }

  /** @param {string[]} names */
  sawPlatformHeaders(names) {
    for (const name of names) this.#platformHeaders.add(name);
  }

  /**
   * @param {{ passes: import('./passes.mjs').Passes }} state
   * @returns {LedgerSummary} its size does not grow with the number of relays
   */
  summary({ passes }) {
    return {
      billed: {
        total: this.#purchases.length,
        byApiKey: this.#byApiKey.view(),
        byEnvironment: this.#byEnvironment.view(),
        byClaimType: this.#byClaimType.view(),
      },
      spent: { total: passes.spentCount },
      refunded: { total: this.#refunded },
      replayed: { ...this.#replayed },
      refused: { total: this.#refused.total, byCode: this.#refused.view() },
      platformHeaders: this.#platformHeaders.view(),
      doubleBilled: structuredClone(this.#doubleBilled),
    };
  }

  /**
   * @param {{ relays: import('./relays.mjs').Relays, passes: import('./passes.mjs').Passes }} state
   * @returns {LedgerView} plain data, without secrets
   */
  view({ relays, passes }) {
    const summary = this.summary({ passes });
    return {
      ...summary,
      billed: { ...summary.billed, byIdempotencyKey: this.#byIdempotencyKey.view() },
      purchases: structuredClone(this.#purchases),
      redemptions: structuredClone(Object.fromEntries(this.#redemptions)),
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
    this.#purchases = [];
    this.#doubleBilled = [];
    this.#redemptions.clear();
    this.#refunded = 0;
    this.#replayed = { purchases: 0, redemptions: 0 };
    const counts = [this.#byApiKey, this.#byEnvironment, this.#byClaimType, this.#byIdempotencyKey, this.#byBlindedToken];
    for (const each of [...counts, this.#refused, this.#platformHeaders]) each.reset();
  }
}

/** How often each name came. */
class Counts {
  total = 0;
  /** @type {Map<string, number>} */
  #counts = new Map();

  /** @param {string} name @returns {number} how often, with this one */
  add(name) {
    const now = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, now);
    this.total += 1;
    return now;
  }

  /** @returns {Record<string, number>} */
  view() {
    return Object.fromEntries(this.#counts);
  }

  reset() {
    this.#counts.clear();
    this.total = 0;
  }
}

/** @param {Buffer | string} data */
function sha256(data) {
  return crypto.createHash('sha256').update(data).digest('hex');
}
