/**
 * The rules that say which call is to go wrong, when, and how: reading them, matching requests, counting, drawing.
 * What a fault then does is in fault_actions.mjs.
 */
import crypto from 'node:crypto';
import http from 'node:http';
import { Refusal } from './errors.mjs';
import { kebabCase } from './strict.mjs';

/**
 * @typedef {object} Rule see the help of the command line for what the members mean
 * @property {string} call
 * @property {string | null} fault null only together with `holdAfter`
 * @property {number} times how many requests it strikes; Infinity when it was left out
 * @property {number} after how many matching requests it lets pass first
 * @property {boolean} each whether `times` and `after` are counted per subject instead of for all requests together
 * @property {number} probability
 * @property {string} [relay]
 * @property {string} [idempotencyKey]
 * @property {boolean} holdAfter
 * @property {boolean} remember
 * @property {number} [ms]
 * @property {number} [status]
 * @property {number | string} [retryAfter]
 * @property {string} [per]
 * @property {string} [keyId]
 * @property {string} [location]
 * @property {Record<string, string>} [headers]
 * @property {Record<string, unknown>} [body]
 *
 * @typedef {object} Fault what there is to know about a kind of fault before it strikes
 * @property {string[]} calls where it makes sense
 * @property {boolean} processes whether the call is processed, so that it can be held afterwards
 * @property {string[]} [needs] members it cannot do without
 * @property {string[]} [takes] members it understands besides
 */

export const CALLS = ['create', 'challenge', 'relay-challenge', 'purchase', 'redeem'];
const CHALLENGES = ['challenge', 'relay-challenge'];
const KEYED = ['purchase', 'redeem'];

/** @type {Record<string, Fault>} */
export const FAULTS = {
  'drop-before': { calls: CALLS, processes: false },
  'drop-after': { calls: CALLS, processes: true },
  'hang-before': { calls: CALLS, processes: true, takes: ['ms'] },
  'hang-after': { calls: CALLS, processes: true, takes: ['ms'] },
  '500-before': { calls: CALLS, processes: false, takes: ['status'] },
  '500-after': { calls: CALLS, processes: true, takes: ['status'] },
  429: { calls: CALLS, processes: false, takes: ['retryAfter'] },
  truncated: { calls: CALLS, processes: true },
  'truncated-chunked': { calls: CALLS, processes: true },
  'malformed-json': { calls: CALLS, processes: true },
  'wrong-signature': { calls: ['purchase'], processes: true, takes: ['remember'] },
  'wrong-signature-length': { calls: ['purchase'], processes: true, takes: ['remember'] },
  'expired-challenge': { calls: CHALLENGES, processes: true, takes: ['ms'] },
  'own-key': { calls: CHALLENGES, processes: true, takes: ['per'] },
  'wrong-key-id': { calls: CHALLENGES, processes: true, takes: ['keyId'] },
  'key-rotated': { calls: CHALLENGES, processes: true },
  '403-then-ready': { calls: ['redeem'], processes: false, needs: ['times'] },
  'sticky-500-before': { calls: KEYED, processes: false },
  'sticky-500-after': { calls: KEYED, processes: true },
  slow: { calls: CALLS, processes: true, needs: ['ms'] },
  redirect: { calls: CALLS, processes: false, needs: ['location'], takes: ['status'] },
  'extra-headers': { calls: CALLS, processes: true, needs: ['headers'] },
  'missing-members': { calls: CALLS, processes: true, takes: ['body'] },
};

/** Members that every rule may have. */
const COMMON = ['call', 'fault', 'times', 'after', 'each', 'probability', 'relay', 'idempotencyKey', 'holdAfter'];

const count = (/** @type {unknown} */ value) => Number.isSafeInteger(value) && Number(value) >= 0;
const text = (/** @type {unknown} */ value) => typeof value === 'string' && /^[\x20-\x7e]{1,2048}$/.test(value);
const flag = (/** @type {unknown} */ value) => typeof value === 'boolean';
const object = (/** @type {unknown} */ value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** @type {Record<string, [(value: any) => boolean, string]>} what the value of a member must be */
const MEMBERS = {
  call: [(value) => CALLS.includes(value), `one of ${CALLS.join(', ')}`],
  fault: [(value) => typeof value === 'string' && Object.hasOwn(FAULTS, value), `one of ${Object.keys(FAULTS).join(', ')}`],
  times: [(value) => count(value) && value > 0, 'a whole number from 1'],
  after: [count, 'a whole number from 0'],
  each: [flag, 'true or false'],
  probability: [(value) => typeof value === 'number' && value >= 0 && value <= 1, 'a number from 0 to 1'],
  relay: [text, 'a relay token'],
  idempotencyKey: [text, 'an idempotency key'],
  holdAfter: [flag, 'true or false'],
  remember: [flag, 'true or false'],
  ms: [(value) => count(value) && value < 2 ** 31, 'a whole number of milliseconds'],
  status: [(value) => Number.isInteger(value) && value >= 300 && value <= 599, 'a status from 300 to 599'],
  retryAfter: [(value) => count(value) || text(value), 'a whole number of seconds or an HTTP date'],
  per: [text, 'the name of a header'],
  keyId: [text, 'a text'],
  location: [text, 'a URL'],
  headers: [areHeaders, 'an object of header names and values'],
  body: [object, 'an object'],
};

/** @param {unknown} value @param {number} index @returns {Rule} */
export function readRule(value, index) {
  const which = `Rule ${index + 1}`;
  if (!object(value)) throw invalid(`${which} must be an object.`);
  /** @type {Record<string, any>} */
  const rule = {};
  for (const [name, given] of Object.entries(/** @type {object} */ (value))) {
    const camel = name.replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
    if (!Object.hasOwn(MEMBERS, camel)) throw invalid(`${which} has a member that rules do not have: ${JSON.stringify(name).slice(0, 80)}.`);
    if (Object.hasOwn(rule, camel)) throw invalid(`${which} has the member ${kebabCase(camel)} twice.`);
    const [fits, wanted] = MEMBERS[camel];
    if (!fits(given)) throw invalid(`${which}: ${name} must be ${wanted}, not ${JSON.stringify(given)?.slice(0, 80)}.`);
    rule[camel] = given;
  }
  if (rule.call === undefined) throw invalid(`${which} must have the member call.`);
  if (rule.fault === undefined && !rule.holdAfter) throw invalid(`${which} must have the member fault, or hold-after.`);
  const fault = rule.fault === undefined ? { calls: CALLS, processes: true } : FAULTS[rule.fault];
  const { calls, processes, needs = [], takes = [] } = /** @type {Fault} */ (fault);
  if (!calls.includes(rule.call)) throw invalid(`${which}: the fault ${rule.fault} is one of ${calls.join(', ')}, not of ${rule.call}.`);
  const lacking = needs.find((name) => rule[name] === undefined);
  if (lacking) throw invalid(`${which}: the fault ${rule.fault} must have the member ${kebabCase(lacking)}.`);
  const idle = Object.keys(rule).find((name) => ![...COMMON, ...needs, ...takes].includes(name));
  if (idle) throw invalid(`${which}: the fault ${rule.fault ?? 'of holding only'} does not take the member ${kebabCase(idle)}.`);
  if (rule.status !== undefined && (rule.fault === 'redirect') !== rule.status < 400) {
    throw invalid(`${which}: the fault ${rule.fault} cannot have the status ${rule.status}.`);
  }
  if (rule.holdAfter && !processes) throw invalid(`${which}: the fault ${rule.fault} does not process the call, so there is no hold-after.`);
  if (rule.relay !== undefined && !['relay-challenge', 'redeem'].includes(rule.call)) {
    throw invalid(`${which}: the call ${rule.call} names no relay.`);
  }
  if (rule.idempotencyKey !== undefined && !KEYED.includes(rule.call)) {
    throw invalid(`${which}: the call ${rule.call} has no idempotency key.`);
  }
  return /** @type {Rule} */ ({ times: Infinity, after: 0, each: false, probability: 1, holdAfter: false, remember: true, ...rule });
}

/** @param {string} details */
export function invalid(details) {
  return new Refusal(400, 'fault_invalid', details);
}

/** One rule at work: what it has seen and done. */
export class ActiveRule {
  /** Requests that it matched, and those that it struck. */
  seen = 0;
  fired = 0;
  /** @type {Map<string, { seen: number, used: number }>} by subject with `each`, all in one without */
  #tallies = new Map();
  /** @type {Set<string>} idempotency keys that answer 500 from now on */
  #stuck = new Set();

  /** @param {Rule} rule @param {string} seed differs from rule to rule */
  constructor(rule, seed) {
    this.rule = rule;
    this.seed = seed;
  }

  /**
   * Counts a request, and decides whether the rule strikes.
   * @param {import('./faults.mjs').Subject} request
   * @param {number} nth how many requests of this call and subject came up to and with this one
   * @param {boolean} taken whether another rule strikes already
   * @returns {'no' | 'strikes' | 'repeats'} repeats: a sticky fault has this key already
   */
  judge({ call, relayToken, idempotencyKey, subject }, nth, taken) {
    const { rule } = this;
    if (rule.call !== call) return 'no';
    if (rule.relay !== undefined && rule.relay !== relayToken) return 'no';
    if (rule.idempotencyKey !== undefined && rule.idempotencyKey !== idempotencyKey) return 'no';
    this.seen += 1;
    const sticky = rule.fault?.startsWith('sticky-');
    if (sticky && this.#stuck.has(idempotencyKey ?? '')) {
      if (!taken) this.fired += 1;
      return taken ? 'no' : 'repeats';
    }
    const tally = this.#tally(rule.each ? subject : '');
    tally.seen += 1;
    if (taken || tally.seen <= rule.after || tally.used >= rule.times) return 'no';
    if (rule.probability < 1 && draw(this.seed, call, subject, nth) >= rule.probability) return 'no';
    tally.used += 1;
    this.fired += 1;
    if (sticky) this.#stuck.add(idempotencyKey ?? '');
    return 'strikes';
  }

  /** @returns {Record<string, unknown>} the rule as it could be set again, and what came of it */
  view() {
    const members = Object.entries(this.rule).filter(
      ([name, value]) => !(value === Infinity || value === false || (name === 'after' && value === 0) || (name === 'probability' && value === 1) || (name === 'remember' && value)),
    );
    return { ...Object.fromEntries(members.map(([name, value]) => [kebabCase(name), value])), seen: this.seen, fired: this.fired };
  }

  /** @param {string} name */
  #tally(name) {
    let tally = this.#tallies.get(name);
    if (!tally) this.#tallies.set(name, (tally = { seen: 0, used: 0 }));
    return tally;
  }
}

/**
 * A number in [0, 1) that depends on nothing but these: not on the clock, and not on what other relays do meanwhile.
 * @param {string} seed @param {string} call @param {string} subject @param {number} nth
 */
export function draw(seed, call, subject, nth) {
  const hash = crypto.createHash('sha256').update(JSON.stringify([seed, call, subject, nth])).digest();
  return hash.readUIntBE(0, 6) / 2 ** 48;
}

/** @param {unknown} value */
function areHeaders(value) {
  if (!object(value)) return false;
  try {
    for (const [name, content] of Object.entries(/** @type {object} */ (value))) {
      if (typeof content !== 'string') return false;
      http.validateHeaderName(name);
      http.validateHeaderValue(name, content);
    }
    return true;
  } catch {
    return false;
  }
}
