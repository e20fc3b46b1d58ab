/** Relays: creating them, finding them by token and secret, deciding their claim. */
import crypto from 'node:crypto';
import { claimText, readEncryptionKey, requireFits } from './claims.mjs';
import { Refusal, relayNotFound } from './errors.mjs';

/** How long the person's browser may use its access token, seconds (docs/protocol.md section 1.1). */
const SESSION_SECONDS = 30 * 60;

/** Claim types are an open set: only their characters are checked (docs/protocol.md section 1.1). **[assumed]** */
const CLAIM_TYPE = /^[A-Za-z0-9_-]{1,128}$/;

/**
 * @typedef {object} Relay
 * @property {string} token
 * @property {string} secret
 * @property {string} claimType
 * @property {'sandbox' | 'production'} environment
 * @property {crypto.KeyObject | null} encryptionKey
 * @property {import('./claims.mjs').Result | null} result null until the verification is completed
 * @property {import('./claims.mjs').Method[] | undefined} methodology
 * @property {boolean} redeemed whether a pass was spent on it
 * @property {number} refunds how often a pass was handed back
 */

/** All relays. */
export class Relays {
  /** @type {Map<string, Relay>} by relay token */
  #relays = new Map();
  #jwtSecret = crypto.randomBytes(32);
  #created = 0;
  #now;
  #seed;

  /** @param {{ now: () => number, seed?: number }} options with a seed, relay tokens are the same in every run */
  constructor({ now, seed }) {
    this.#now = now;
    this.#seed = seed;
  }

  /**
   * @param {{ claimType: string, encryptionKeyPem: string | null, sandbox?: boolean }} body
   * @returns {{ relayToken: string, relaySecret: string, relaySessionAccessToken: string }}
   */
  create({ claimType, encryptionKeyPem, sandbox }) {
    const relay = {
      token: `relay_${this.#tokenBytes().toString('hex')}`,
      secret: crypto.randomUUID(),
      claimType: requireClaimType(claimType),
      environment: environmentOf(sandbox),
      encryptionKey: encryptionKeyPem === null ? null : readEncryptionKey(encryptionKeyPem),
      result: null,
      methodology: undefined,
      redeemed: false,
      refunds: 0,
    };
    this.#relays.set(relay.token, relay);
    return {
      relayToken: relay.token,
      relaySecret: relay.secret,
      relaySessionAccessToken: this.#sessionToken(relay.token),
    };
  }

  /**
   * @param {string} token
   * @param {string | undefined} secret **[assumed]** a missing secret is the same 404 as a wrong one
   * @returns {Relay}
   */
  open(token, secret) {
    const relay = this.#relays.get(token);
    const hash = (/** @type {string} */ text) => crypto.createHash('sha256').update(text).digest();
    const right = crypto.timingSafeEqual(hash(secret ?? ''), hash(relay?.secret ?? '\0'));
    if (!relay || !right) throw relayNotFound();
    return relay;
  }

  /**
   * What the person's verification came to. May be changed until a pass was spent on the relay.
   * @param {string} token
   * @param {{ result: unknown, methodology?: unknown }} outcome
   * @returns {Relay}
   */
  complete(token, { result, methodology }) {
    const relay = this.#relays.get(token);
    if (!relay) throw relayNotFound();
    if (relay.redeemed) throw new Refusal(409, 'relay_redeemed', 'This relay was redeemed: its claim cannot change any more.');
    const methods = methodology === undefined ? undefined : readMethodology(methodology);
    const decided = readResult(result, 'result');
    requireFits(relay.encryptionKey, claimText(relay.claimType, decided, methods));
    relay.result = decided;
    relay.methodology = methods;
    return relay;
  }

  /** @returns {Iterable<Relay>} */
  all() {
    return this.#relays.values();
  }

  /** Forgets every relay. */
  reset() {
    this.#relays.clear();
    this.#created = 0;
  }

  #tokenBytes() {
    if (this.#seed === undefined) return crypto.randomBytes(18);
    this.#created += 1;
    return crypto.createHash('sha256').update(`${this.#seed}/${this.#created}`).digest().subarray(0, 18);
  }

  /** A JWT, HS256 (RFC 7515). @param {string} relayToken */
  #sessionToken(relayToken) {
    const issuedAt = Math.floor(this.#now() / 1000);
    const part = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: relayToken, iat: issuedAt, exp: issuedAt + SESSION_SECONDS })}`;
    return `${signed}.${crypto.createHmac('sha256', this.#jwtSecret).update(signed).digest('base64url')}`;
  }
}

/** @param {string} claimType */
export function requireClaimType(claimType) {
  if (!CLAIM_TYPE.test(claimType)) {
    throw new Refusal(422, 'claim_type_invalid', 'claim-type must be 1 to 128 letters, digits, underscores or hyphens.');
  }
  return claimType;
}

/** @param {boolean | undefined} sandbox @returns {'sandbox' | 'production'} */
export function environmentOf(sandbox) {
  return sandbox === true ? 'sandbox' : 'production';
}

/** @param {unknown} value @param {string} name @returns {import('./claims.mjs').Result} */
function readResult(value, name) {
  if (value !== 'passed' && value !== 'failed') throw new Refusal(422, 'result_invalid', `${name} must be "passed" or "failed".`);
  return value;
}

/** @param {unknown} value @returns {import('./claims.mjs').Method[]} */
function readMethodology(value) {
  if (!Array.isArray(value)) throw new Refusal(422, 'methodology_invalid', 'methodology must be an array.');
  return value.map((entry) => {
    if (typeof entry?.method !== 'string' || Object.keys(entry).sort().join() !== 'method,result') {
      throw new Refusal(422, 'methodology_invalid', 'Each entry of methodology must have method and result, and nothing else.');
    }
    return { method: entry.method, result: readResult(entry.result, 'result of a method') };
  });
}
