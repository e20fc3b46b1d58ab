/** Verifying a pass that comes back, and remembering which were spent (docs/protocol.md section 2). */
import crypto from 'node:crypto';
import { Refusal } from './errors.mjs';
import { duplicateName, objectMembers } from './json_text.mjs';
import { fromBase64url } from './strict.mjs';

const MEMBERS = ['token_nonce', 'signature', 'key_id', 'challenge'];

/** Judges passes. */
export class Passes {
  /** @type {Map<string, { relayToken: string, at: number }>} by nonce */
  #spent = new Map();
  #issuer;
  #challenges;

  /** @param {{ issuer: import('./issuer.mjs').Issuer, challenges: import('./challenges.mjs').Challenges }} parts */
  constructor({ issuer, challenges }) {
    this.#issuer = issuer;
    this.#challenges = challenges;
  }

  /**
   * Everything about a pass that does not depend on who redeems it. Does not look at whether it is spent.
   * @param {string} token as it stood in the Authorization header
   * @returns {{ nonce: string, key: import('./issuer.mjs').IssuerKey }}
   */
  verify(token) {
    const text = utf8(fromBase64url(token));
    const members = text === null ? null : objectMembers(text);
    if (members === null) throw malformed('The pass is not unpadded base64url of a JSON object.');
    const twice = duplicateName(members);
    if (twice !== null) throw malformed(`The pass has the member ${twice} twice.`);
    const unknown = members.find(({ name }) => !MEMBERS.includes(name));
    if (unknown) throw malformed('The pass has a member that passes do not have.');
    const [nonce, signature, keyId, challenge] = MEMBERS.map((wanted) => members.find(({ name }) => name === wanted));
    if (typeof nonce?.value !== 'string' || !/^[0-9a-f]{64}$/.test(nonce.value)) {
      throw malformed('token_nonce must be 64 lower-case hex characters.');
    }
    if (typeof keyId?.value !== 'string') throw malformed('key_id must be a string.');
    if (challenge === undefined) throw malformed('The pass has no challenge.');

    const key = this.#issuer.find(keyId.value);
    if (!key) throw new Refusal(422, 'pass_key_unknown', 'No issuer key has the key_id of the pass.');
    const bytes = typeof signature?.value === 'string' ? fromBase64url(signature.value) : null;
    if (bytes === null || bytes.length !== key.modulusBytes) {
      throw malformed('signature must be unpadded base64url, exactly as long as the modulus.');
    }
    const { mac } = this.#challenges.check(challenge.raw, key);
    if (!key.verify(tokenInput(nonce.value, mac, key.keyId), bytes)) {
      throw new Refusal(422, 'pass_signature_invalid', 'The signature of the pass does not verify.');
    }
    return { nonce: nonce.value, key };
  }

  /** @param {string} nonce */
  isSpent(nonce) {
    return this.#spent.has(nonce);
  }

  /** @param {string} nonce @param {string} relayToken @param {number} at ms */
  spend(nonce, relayToken, at) {
    this.#spent.set(nonce, { relayToken, at });
  }

  /** @returns {number} */
  get spentCount() {
    return this.#spent.size;
  }

  /** Forgets every spent pass. */
  reset() {
    this.#spent.clear();
  }
}

/**
 * `0x0002 || SHA-256(nonce) || SHA-256(mac) || SHA-256(key id)`: 98 bytes. Each hash is over the UTF-8 bytes of
 * the string, not over what the string may encode.
 * @param {string} nonce @param {string} mac @param {string} keyId
 */
function tokenInput(nonce, mac, keyId) {
  const hash = (/** @type {string} */ text) => crypto.createHash('sha256').update(text, 'utf8').digest();
  return Buffer.concat([Buffer.of(0x00, 0x02), hash(nonce), hash(mac), hash(keyId)]);
}

/** @param {string} details */
function malformed(details) {
  return new Refusal(422, 'pass_malformed', details);
}

/** @param {Buffer | null} bytes */
function utf8(bytes) {
  if (bytes === null) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
