/**
 * Blind RSA by hand: RSABSSA-SHA384-PSS with a 48-byte salt and identity preparation (docs/protocol.md section 2),
 * in BigInt arithmetic and node:crypto hashes only. Slow, not constant-time, and independent of everything else in
 * this repository, which is its purpose: it shows that the simulator is right, and makes known-answer vectors.
 */
import crypto from 'node:crypto';

const HASH = 'sha384';
const HASH_BYTES = 48;
export const SALT_BYTES = 48;

/**
 * `0x0002 || SHA-256(nonce) || SHA-256(mac) || SHA-256(key id)`, over the UTF-8 bytes of the strings.
 * @param {string} nonce 64 lower-case hex characters @param {string} mac @param {string} keyId
 * @returns {Buffer} 98 bytes
 */
export function tokenInput(nonce, mac, keyId) {
  const sha256 = (/** @type {string} */ text) => crypto.createHash('sha256').update(text, 'utf8').digest();
  return Buffer.concat([Buffer.from('0002', 'hex'), sha256(nonce), sha256(mac), sha256(keyId)]);
}

/**
 * EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) with SHA-384 and MGF1-SHA-384.
 * @param {Buffer} message @param {number} emBits modulus bits minus one @param {Buffer} salt
 * @returns {Buffer} ceil(emBits / 8) bytes
 */
export function emsaPssEncode(message, emBits, salt) {
  const emLength = Math.ceil(emBits / 8);
  if (emLength < HASH_BYTES + salt.length + 2) throw new RangeError('encoding error');
  const messageHash = hash(message);
  const h = hash(Buffer.concat([Buffer.alloc(8), messageHash, salt]));
  const db = Buffer.concat([Buffer.alloc(emLength - salt.length - HASH_BYTES - 2), Buffer.of(1), salt]);
  const masked = xor(db, mgf1(h, db.length));
  masked[0] &= 0xff >> (8 * emLength - emBits);
  return Buffer.concat([masked, h, Buffer.of(0xbc)]);
}

/**
 * Blind (RFC 9474 section 4.2), without its randomness.
 * @param {{ n: bigint, e: bigint, message: Buffer, salt: Buffer, r: bigint }} input `r` in [1, n), coprime to n
 * @returns {{ blindedMessage: Buffer, inverse: bigint, encoded: Buffer }} the blinded message is as long as the modulus
 */
export function blind({ n, e, message, salt, r }) {
  const encoded = emsaPssEncode(message, bitLength(n) - 1, salt);
  const inverse = modInverse(r, n);
  const z = (toInteger(encoded) * modPow(r, e, n)) % n;
  return { blindedMessage: toBytes(z, byteLength(n)), inverse, encoded };
}

/**
 * Finalize (RFC 9474 section 4.4) without the verification: the caller verifies, with OpenSSL.
 * @param {{ n: bigint, blindSig: Buffer, inverse: bigint }} input
 * @returns {Buffer} the signature, as long as the modulus
 */
export function unblind({ n, blindSig, inverse }) {
  return toBytes((toInteger(blindSig) * inverse) % n, byteLength(n));
}

/**
 * The numbers of a `token-key`, either algorithm identifier.
 * @param {string} tokenKey base64url DER
 * @returns {{ n: bigint, e: bigint, key: crypto.KeyObject }}
 */
export function readTokenKey(tokenKey) {
  const key = crypto.createPublicKey({ key: Buffer.from(tokenKey, 'base64url'), format: 'der', type: 'spki' });
  // OpenSSL exports no JWK for RSASSA-PSS keys: read the two integers at the end of the DER instead.
  const { modulus, exponent } = lastTwoIntegers(Buffer.from(tokenKey, 'base64url'));
  return { n: modulus, e: exponent, key };
}

/**
 * Everything between a challenge and its purchase.
 * @param {{ challenge: string, tokenKey: string, tokenKeyId: string }} issued
 */
export function preparePurchase({ challenge, tokenKey, tokenKeyId }) {
  const { n, e, key } = readTokenKey(tokenKey);
  const rawChallenge = Buffer.from(challenge, 'base64url').toString('utf8');
  const nonce = crypto.randomBytes(32).toString('hex');
  const message = tokenInput(nonce, JSON.parse(rawChallenge).mac, tokenKeyId);
  const salt = crypto.randomBytes(SALT_BYTES);
  const r = (toInteger(crypto.randomBytes(byteLength(n) + 16)) % (n - 1n)) + 1n;
  const { blindedMessage, inverse } = blind({ n, e, message, salt, r });
  return { n, key, nonce, message, inverse, rawChallenge, tokenKeyId, blindedToken: blindedMessage.toString('base64url') };
}

/**
 * @param {ReturnType<typeof preparePurchase>} prepared @param {string} blindSig base64url
 * @returns {Buffer} the verified signature
 */
export function finalize({ n, key, message, inverse }, blindSig) {
  const signature = unblind({ n, blindSig: Buffer.from(blindSig, 'base64url'), inverse });
  const padding = crypto.constants.RSA_PKCS1_PSS_PADDING;
  if (!crypto.verify(HASH, message, { key, padding, saltLength: SALT_BYTES }, signature)) throw new Error('bad signature');
  return signature;
}

/**
 * @param {{ nonce: string, signature: Buffer, keyId: string, rawChallenge: string }} parts
 * @returns {string} the pass, base64url
 */
export function assemblePass({ nonce, signature, keyId, rawChallenge }) {
  const json =
    `{"token_nonce":${JSON.stringify(nonce)},"signature":"${signature.toString('base64url')}",` +
    `"key_id":${JSON.stringify(keyId)},"challenge":${rawChallenge}}`;
  return Buffer.from(json).toString('base64url');
}

/** @param {Buffer} bytes */
export function toInteger(bytes) {
  return BigInt(`0x${bytes.toString('hex')}`);
}

/** @param {bigint} value @param {number} length */
export function toBytes(value, length) {
  return Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');
}

/** @param {Buffer} bytes */
function hash(bytes) {
  return crypto.createHash(HASH).update(bytes).digest();
}

/** @param {Buffer} seed @param {number} length */
function mgf1(seed, length) {
  const blocks = [];
  for (let counter = 0; counter * HASH_BYTES < length; counter += 1) {
    const suffix = Buffer.alloc(4);
    suffix.writeUInt32BE(counter);
    blocks.push(hash(Buffer.concat([seed, suffix])));
  }
  return Buffer.concat(blocks).subarray(0, length);
}

/** @param {Buffer} a @param {Buffer} b */
function xor(a, b) {
  return Buffer.from(a.map((byte, at) => byte ^ b[at]));
}

/** @param {bigint} base @param {bigint} exponent @param {bigint} modulus */
function modPow(base, exponent, modulus) {
  let result = 1n;
  for (let power = base % modulus; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * power) % modulus;
    power = (power * power) % modulus;
  }
  return result;
}

/** @param {bigint} value @param {bigint} modulus */
export function modInverse(value, modulus) {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  if (a !== 1n) throw new RangeError('not invertible');
  return ((x % modulus) + modulus) % modulus;
}

/** @param {bigint} value */
function bitLength(value) {
  return value.toString(2).length;
}

/** @param {bigint} value */
function byteLength(value) {
  return Math.ceil(bitLength(value) / 8);
}

/** RSAPublicKey is the tail of the SubjectPublicKeyInfo: SEQUENCE { INTEGER n, INTEGER e }. @param {Buffer} spki */
function lastTwoIntegers(spki) {
  const outer = element(spki, 0);
  const algorithm = element(spki, outer.start);
  const bits = element(spki, algorithm.end);
  const sequence = element(spki, bits.start + 1);
  const modulus = element(spki, sequence.start);
  const exponent = element(spki, modulus.end);
  return {
    modulus: toInteger(spki.subarray(modulus.start, modulus.end)),
    exponent: toInteger(spki.subarray(exponent.start, exponent.end)),
  };
}

/** @param {Buffer} der @param {number} at @returns {{ start: number, end: number }} where the content is */
function element(der, at) {
  const first = der[at + 1];
  const size = first < 0x80 ? 0 : first & 0x7f;
  const length = size === 0 ? first : der.readUIntBE(at + 2, size);
  const start = at + 2 + size;
  return { start, end: start + length };
}
