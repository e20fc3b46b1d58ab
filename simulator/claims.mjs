/** Claim payloads, in the clear and encrypted (docs/protocol.md section 3), and the keys they are encrypted to. */
import crypto from 'node:crypto';
import { Refusal } from './errors.mjs';

/**
 * @typedef {'passed' | 'failed'} Result
 * @typedef {{ method: string, result: Result }} Method
 */

/** Hash of RSA-OAEP and of its MGF1: the default of OpenSSL, which the vendor's example relies on. */
const OAEP_HASH = 'sha1';

/** What OAEP adds to a plaintext: two hashes and two bytes (RFC 8017 section 7.1.1). */
const OAEP_OVERHEAD_BYTES = 2 * 20 + 2;

/**
 * @param {string} claimType @param {Result} result @param {Method[] | undefined} methodology
 * @returns {string} the claim as JSON
 */
export function claimText(claimType, result, methodology) {
  return JSON.stringify({ claim_type: claimType, claim_result: result, ...(methodology && { methodology }) });
}

/**
 * **[assumed]** OAEP takes one block: a claim that does not fit (214 bytes for a 2048-bit key, about two methods)
 * cannot be delivered. What upstream does then is unknown; the simulator refuses such a claim when the test *sets*
 * it, rather than drop the methodology and deliver something else than what was asked for.
 * @param {crypto.KeyObject | null} encryptionKey @param {string} text
 */
export function requireFits(encryptionKey, text) {
  if (encryptionKey === null) return;
  const room = modulusBits(encryptionKey) / 8 - OAEP_OVERHEAD_BYTES;
  if (Buffer.byteLength(text) > room) {
    throw new Refusal(422, 'claim_too_long', `The claim is longer than the ${Math.floor(room)} bytes that the relay's encryption key can encrypt: set fewer methods.`);
  }
}

/**
 * @param {crypto.KeyObject | null} encryptionKey @param {string} text
 * @returns {string} the text itself, or standard base64 of its RSA-OAEP ciphertext
 */
export function claimPayload(encryptionKey, text) {
  if (encryptionKey === null) return text;
  const padding = crypto.constants.RSA_PKCS1_OAEP_PADDING;
  return crypto.publicEncrypt({ key: encryptionKey, padding, oaepHash: OAEP_HASH }, Buffer.from(text)).toString('base64');
}

/**
 * Reads `encryption-key-pem`: one SubjectPublicKeyInfo in PEM, RSA, 2048 to 4096 bits.
 * @param {string} pem
 */
export function readEncryptionKey(pem) {
  /** @type {crypto.KeyObject | undefined} */
  let key;
  try {
    if (/^\s*-----BEGIN PUBLIC KEY-----[A-Za-z0-9+/=\s]+-----END PUBLIC KEY-----\s*$/.test(pem)) key = crypto.createPublicKey(pem);
  } catch {
    // Not a key: refused below like every other thing that is not one.
  }
  const bits = key?.asymmetricKeyType === 'rsa' ? modulusBits(key) : 0;
  if (!key || bits < 2048 || bits > 4096) {
    throw new Refusal(422, 'encryption_key_invalid', 'encryption-key-pem must be null or an RSA public key of 2048 to 4096 bits in PEM (BEGIN PUBLIC KEY).');
  }
  return key;
}

/** @param {crypto.KeyObject} key */
function modulusBits(key) {
  return key.asymmetricKeyDetails?.modulusLength ?? 0;
}
