/**
 * Blind RSA, RSABSSA-SHA384-PSS-Deterministic of RFC 9474, by those that are compared. A suite is
 *
 *   importKey(spki) -> key                                done once per key
 *   blind(key, message) -> { blinded, inverse }           bytes, as long as the modulus
 *   finalize(key, message, blindSignature, inverse) -> signature     verified
 *
 * each of them a value or a promise of it.
 */
import { concat, hex } from './bytes.mjs';

const PSS = { name: 'RSA-PSS', hash: 'SHA-384' };
const SALT_BYTES = 48;

/** @cloudflare/blindrsa-ts. @param {typeof import('@cloudflare/blindrsa-ts')} library */
export function blindrsaTs({ RSABSSA }) {
  const suite = RSABSSA.SHA384.PSS.Deterministic();
  return {
    importKey: (spki) => crypto.subtle.importKey('spki', spki, PSS, true, ['verify']),
    async blind(key, message) {
      const { blindedMsg, inv } = await suite.blind(key, message);
      return { blinded: blindedMsg, inverse: inv };
    },
    finalize: (key, message, blindSignature, inverse) => suite.finalize(key, message, blindSignature, inverse),
  };
}

/** blind-rsa-signatures in wasm: bench/crate. @param {any} module its glue, initialised */
export function inWasm(module) {
  return {
    importKey: (spki) => module.readKey(spki),
    blind(key, message) {
      const both = module.blind(key, message);
      return { blinded: both.slice(0, both.length / 2), inverse: both.slice(both.length / 2) };
    },
    finalize: (key, message, blindSignature, inverse) => module.finalize(key, message, blindSignature, inverse),
  };
}

/** Plain BigInt, and WebCrypto for the rest. As short as it gets; not constant-time. */
export const bigint = {
  async importKey(spki) {
    const key = await crypto.subtle.importKey('spki', spki, PSS, true, ['verify']);
    const { n, e } = await crypto.subtle.exportKey('jwk', key);
    const [modulus, exponent] = [n, e].map((part) => toInteger(Uint8Array.from(atob(part.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0))));
    return { key, n: modulus, e: exponent, bits: modulus.toString(2).length, bytes: Math.ceil(modulus.toString(2).length / 8) };
  },
  async blind({ n, e, bits, bytes }, message) {
    const m = toInteger(await emsaPss(message, bits - 1));
    let r;
    do r = toInteger(crypto.getRandomValues(new Uint8Array(bytes)));
    while (r >= n || r === 0n);
    return { blinded: toBytes((m * power(r, e, n)) % n, bytes), inverse: toBytes(inverseOf(r, n), bytes) };
  },
  async finalize({ key, n, bytes }, message, blindSignature, inverse) {
    const signature = toBytes((toInteger(blindSignature) * toInteger(inverse)) % n, bytes);
    if (!(await crypto.subtle.verify({ name: 'RSA-PSS', saltLength: SALT_BYTES }, key, signature, message))) throw new Error('the signature does not verify');
    return signature;
  },
};

/** EMSA-PSS-ENCODE, RFC 8017 section 9.1.1. */
async function emsaPss(message, bits) {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const h = await sha384(concat(new Uint8Array(8), await sha384(message), salt));
  const db = new Uint8Array(Math.ceil(bits / 8) - h.length - 1);
  db[db.length - SALT_BYTES - 1] = 1;
  db.set(salt, db.length - SALT_BYTES);
  for (let counter = 0, at = 0; at < db.length; counter += 1, at += h.length) {
    const mask = await sha384(concat(h, Uint8Array.of(0, 0, 0, counter)));
    for (let index = 0; index < h.length && at + index < db.length; index += 1) db[at + index] ^= mask[index];
  }
  db[0] &= 0xff >> (8 * Math.ceil(bits / 8) - bits);
  return concat(db, h, Uint8Array.of(0xbc));
}

async function sha384(bytes) {
  return new Uint8Array(await crypto.subtle.digest('SHA-384', bytes));
}

function power(base, exponent, modulus) {
  let result = 1n;
  for (let square = base; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % modulus;
    if (exponent > 1n) square = (square * square) % modulus;
  }
  return result;
}

/** By Euclid. @param {bigint} value @param {bigint} modulus */
export function inverseOf(value, modulus) {
  let [a, b, x, y] = [value, modulus, 1n, 0n];
  while (b > 0n) {
    const quotient = a / b;
    [a, b] = [b, a - quotient * b];
    [x, y] = [y, x - quotient * y];
  }
  if (a !== 1n) throw new RangeError('there is no inverse');
  return x < 0n ? x + modulus : x;
}

/** @param {Uint8Array} bytes big-endian */
export function toInteger(bytes) {
  return BigInt(`0x${hex(bytes)}`);
}

function toBytes(value, length) {
  const digits = value.toString(16).padStart(2 * length, '0');
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 1) bytes[at] = Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16);
  return bytes;
}
