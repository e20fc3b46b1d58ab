/** What an issuer should never offer: challenges and keys that fail a check, by what is wrong with them. */
import crypto from "node:crypto";
import { inSeconds, offer, rsaKey } from "./support.mjs";

/** A challenge with these members besides, or instead. @param {Record<string, unknown>} members */
export const json = (members) => ({ raw: JSON.stringify({ token_type: 2, expires_at: inSeconds(3600), mac: "m", ...members }) });
/** Offers, and the code of the refusal if it is not `challenge_invalid`. */
export const badChallenges = {
  "no base64url": [{ ...offer(), challenge: "a+b/" }],
  "no base64url but base64": [{ ...offer(), challenge: Buffer.from('{"mac":"\u00ff\u00fe>>>???"}').toString("base64") }],
  "half a padding": [{ ...offer({ raw: '{"mac":"m"}' }), challenge: `${Buffer.from('{"mac":"mm"} ').toString("base64url")}=` }],
  "no UTF-8": [{ ...offer(), challenge: Buffer.from([0x7b, 0xff, 0x7d]).toString("base64url") }],
  "empty": [offer({ raw: "" })],
  "no JSON": [offer({ raw: "{mac}" })],
  "an array": [offer({ raw: '["m"]' })],
  "a string": [offer({ raw: '"mac"' })],
  "null": [offer({ raw: "null" })],
  "an object and more": [offer({ raw: '{"mac":"m"}{}' })],
  "mac missing": [offer({ raw: "{}" })],
  "mac empty": [offer(json({ mac: "" }))],
  "mac a number": [offer(json({ mac: 5 }))],
  "mac null": [offer(json({ mac: null }))],
  "mac an object": [offer(json({ mac: {} }))],
  "mac twice": [offer({ raw: '{"mac":"a","mac":"b"}' })],
  "token_type 1": [offer(json({ token_type: 1 }))],
  "token_type a string": [offer(json({ token_type: "2" }))],
  "token_type null": [offer(json({ token_type: null }))],
  "token_type 2.5": [offer(json({ token_type: 2.5 }))],
  "expires_at no time": [offer(json({ expires_at: "tomorrow" }))],
  "expires_at a number": [offer(json({ expires_at: 4102444800 }))],
  "expires_at null": [offer(json({ expires_at: null }))],
  "token-key-id empty": [offer({ tokenKeyId: "" })],
  "so long that its pass could not be spent": [offer(json({ padding: "x".repeat(4096) }))],
  "expired two minutes ago": [offer(json({ expires_at: inSeconds(-120) })), "challenge_expired"],
  "expired long ago": [offer(json({ expires_at: "1985-04-12T23:20:50.52Z" })), "challenge_expired"],
};

/** @param {Iterable<number>} n @param {Iterable<number>} e */
export const spki = (n, e) => {
  const jwk = { kty: "RSA", n: Buffer.from(n).toString("base64url"), e: Buffer.from(e).toString("base64url") };
  return crypto.createPublicKey({ key: jwk, format: "jwk" }).export({ type: "spki", format: "der" });
};
const number = (bits, last = 1) => {
  const bytes = crypto.randomBytes(Math.ceil(bits / 8));
  bytes[0] = (bytes[0] & (0xff >> (bytes.length * 8 - bits))) | (1 << ((bits - 1) % 8));
  bytes[bytes.length - 1] = (bytes.at(-1) & 0xfe) | last;
  return bytes;
};
const der = (type, options) => crypto.generateKeyPairSync(type, options).publicKey.export({ type: "spki", format: "der" });
const good = rsaKey().spki;
/** In the place of `token-key`: DER, or what is written there as it is. */
export const badKeys = {
  "an EC key": der("ec", { namedCurve: "P-256" }),
  "an Ed25519 key": der("ed25519"),
  "PKCS#1": rsaKey().publicKey.export({ type: "pkcs1", format: "der" }),
  "a private key": rsaKey().privateKey.export({ type: "pkcs8", format: "der" }),
  "1024 bits": spki(number(1024), [1, 0, 1]),
  "2047 bits": spki(number(2047), [1, 0, 1]),
  "4097 bits": spki(number(4097), [1, 0, 1]),
  "16384 bits": spki(number(16_384), [1, 0, 1]),
  "an even modulus": spki(number(2048, 0), [1, 0, 1]),
  "an even exponent": spki(number(2048), [1, 0, 0]),
  "exponent 1": spki(number(2048), [1]),
  "exponent 2": spki(number(2048), [2]),
  "exponent 2^33 + 1": spki(number(2048), [2, 0, 0, 0, 1]),
  "exponent as large as the modulus": spki(number(2048), number(2048)),
  "a byte after it": Buffer.concat([good, Buffer.of(0)]),
  "a byte missing": good.subarray(0, -1),
  "nothing": Buffer.alloc(0),
  "zeros": Buffer.alloc(294),
  "PEM": rsaKey().pem,
  "standard base64": `${Buffer.from([0xfb, 0xff, 0xbf]).toString("base64")}${good.toString("base64")}`,
};
