/**
 * Challenges: making them, both ways of handing them out, and judging their echo inside a pass
 * (docs/protocol.md section 1.2).
 */
import crypto from 'node:crypto';
import { duplicateName, objectMembers } from './json_text.mjs';
import { Refusal } from './errors.mjs';

/**
 * **[assumed]** A pass expires when its challenge does. The purchase is blind, so the issuer cannot write a date
 * into a pass; `expires_at` is the only expiry that a pass carries, and passes are documented to last 90 days.
 */
export const PASS_LIFETIME_SECONDS = 90 * 24 * 60 * 60;

/** Issues challenges and recognises them again. */
export class Challenges {
  #secret = crypto.randomBytes(32);
  /** @type {Map<string, string>} MAC to the exact text that was issued */
  #issued = new Map();
  #now;
  #ttlSeconds;

  /** @param {{ now: () => number, ttlSeconds: number }} options */
  constructor({ now, ttlSeconds }) {
    this.#now = now;
    this.#ttlSeconds = ttlSeconds;
  }

  /**
   * @param {import('./issuer.mjs').IssuerKey} key
   * @param {number} [expires] milliseconds since 1970
   * @returns {{ challenge: string, tokenKey: string, tokenKeyId: string }} all but the id in unpadded base64url
   */
  issue(key, expires = this.#now() + this.#ttlSeconds * 1000) {
    const serial = crypto.randomBytes(12).toString('hex');
    const expiresAt = new Date(expires).toISOString();
    // The text is odd on purpose: an unknown member first, a number and a string that do not survive parsing and
    // re-serialising, escapes that are not needed, raw UTF-8, uneven spacing. Echoing it verbatim is the only way
    // to echo it. The MAC is escaped too: what is hashed is the string, not its spelling.
    const text = (/** @type {string} */ mac) =>
      `{ "x_notice":{"text":"caf\\u00e9 \\/ \\"}{ na\u00efve \\\\","revision":1.50,"serial":9007199254740993,"id":"${serial}"} ,\n` +
      `  "issuer_name":"withpersona.com\\/api\\/v1\\/privacy-passes","expires_at" : "${expiresAt}",\t"token_type":2,` +
      `"mac":"${mac.replaceAll('/', '\\/')}","origin_info":"/api/privacy/v1/relays" }`;
    const mac = this.#mac(key, text(''));
    this.#issued.set(mac, text(mac));
    return {
      challenge: Buffer.from(text(mac)).toString('base64url'),
      tokenKey: key.tokenKey.toString('base64url'),
      tokenKeyId: key.keyId,
    };
  }

  /**
   * Judges the challenge inside a pass: MAC, expiry, and that it came back character for character.
   * @param {string} raw the challenge's exact text in the pass
   * @param {import('./issuer.mjs').IssuerKey} key the key the pass names; claim type, environment and key id are
   *   under the MAC, so a challenge does not serve under another key
   * @returns {{ mac: string }}
   */
  check(raw, key) {
    const members = objectMembers(raw);
    if (members === null) throw new Refusal(422, 'challenge_malformed', 'The challenge in the pass is not a JSON object.');
    if (duplicateName(members) !== null) throw new Refusal(422, 'challenge_malformed', 'The challenge in the pass has a member twice.');
    const mac = members.find(({ name }) => name === 'mac')?.value;
    if (typeof mac !== 'string' || !sameBytes(mac, this.#mac(key, raw))) {
      throw new Refusal(422, 'challenge_mac_invalid', 'The MAC of the challenge in the pass is not valid for this key.');
    }
    if (this.#issued.get(mac) !== raw) {
      throw new Refusal(422, 'challenge_not_verbatim', 'The challenge in the pass differs in its text from the one that was issued.');
    }
    const expiresAt = Date.parse(String(members.find(({ name }) => name === 'expires_at')?.value));
    if (!(this.#now() < expiresAt)) throw new Refusal(422, 'pass_expired', 'The pass has expired.');
    return { mac };
  }

  /** Forgets what was issued: passes bought before are refused from now on. */
  reset() {
    this.#issued.clear();
  }

  /**
   * HMAC-SHA-256 over all members but the MAC, sorted by name, plus what the challenge is for.
   * @param {import('./issuer.mjs').IssuerKey} key
   * @param {string} raw
   */
  #mac(key, raw) {
    const members = (objectMembers(raw) ?? [])
      .filter(({ name }) => name !== 'mac')
      .map(({ name, value }) => [name, value])
      .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    const sealed = JSON.stringify([key.claimType, key.environment, key.keyId, members]);
    return `v1/${crypto.createHmac('sha256', this.#secret).update(sealed).digest('base64')}`;
  }
}

/**
 * The relay form of a challenge: a 401 that is the protocol, not an error.
 * @param {{ challenge: string, tokenKey: string, tokenKeyId: string }} issued
 */
export function challengeRefusal({ challenge, tokenKey, tokenKeyId }) {
  return new Refusal(401, 'private_token_required', 'Redeem with a private token for this challenge.', {
    title: 'Private token required',
    headers: {
      'WWW-Authenticate': `PrivateToken challenge="${challenge}", token-key="${tokenKey}", token-key-id="${tokenKeyId}"`,
    },
  });
}

/** @param {string} a @param {string} b */
function sameBytes(a, b) {
  const hash = (/** @type {string} */ text) => crypto.createHash('sha256').update(text).digest();
  return crypto.timingSafeEqual(hash(a), hash(b));
}
