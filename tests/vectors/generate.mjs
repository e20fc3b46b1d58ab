// Makes tests/vectors/passes.json: known answers that pin every byte of token input, blinding, pass and idempotency key;
// and tests/vectors/issuer_keys.json: key pairs for tests that play the issuer, worth nothing anywhere else.
//
//   node tests/vectors/generate.mjs
//
// Everything is computed by node:crypto (OpenSSL) and by hand in BigInt (tests/simulator/reference_client.mjs), nothing by
// the crate that the vectors are for. Keys and randomness are fresh on each run; tests/vectors/vectors.test.mjs checks
// what is committed.
import crypto from "node:crypto";
import { writeFileSync } from "node:fs";
import { assemblePass, blind, modInverse, readTokenKey, SALT_BYTES, toBytes, tokenInput, toInteger, unblind } from "../simulator/reference_client.mjs";

const SHAPES = [
  { bits: 2048, spki: "rsaEncryption", keyId: (der) => sha256(der).toString("base64url") },
  { bits: 2048, spki: "rsassaPss", keyId: (der) => sha256(der).toString("hex") },
  { bits: 3072, spki: "rsaEncryption", keyId: () => "an opaque \"key id\" é" },
  { bits: 3072, spki: "rsassaPss", keyId: (der) => sha256(der).toString("base64url") },
  { bits: 4096, spki: "rsaEncryption", keyId: (der) => sha256(der).toString("base64url") },
  { bits: 4096, spki: "rsassaPss", keyId: (der) => sha256(der).toString("base64url") },
  ...[2049, 2050, 2055, 2056, 2080, 3071, 4095].map((bits) => ({ bits, spki: "rsaEncryption", keyId: () => "k" })),
  { bits: 2112, exponent: 3, spki: "rsaEncryption", keyId: () => "k" },
  { bits: 2048, exponent: 4_294_967_291, spki: "rsaEncryption", keyId: () => "k" },
];

// The same members in other spellings: what is signed and what is echoed has to come out to the letter.
const CHALLENGES = [
  (mac) => `{"token_type":2,"issuer_name":"withpersona.com/api/v1/privacy-passes","origin_info":"/api/privacy/v1/relays","expires_at":"2999-01-01T00:00:00Z","mac":"${mac}"}`,
  (mac) => `{ "mac" : "${mac}", "zzz": [1, {"a":null}, 1e400, "\\ud83d\\ude00"],\n\t"expires_at":"2999-01-01T00:00:00.123456+02:00" }`,
  () => `{"mac":"\\u00e9\\n\\"\\\\=\\u00e9 é 😀","token_type":2}`,
];

const vectors = SHAPES.map(({ bits, exponent = 65537, spki, keyId }, at) => {
  const pss = { hashAlgorithm: "sha384", mgf1HashAlgorithm: "sha384", saltLength: SALT_BYTES };
  const kind = spki === "rsassaPss" ? "rsa-pss" : "rsa";
  const { publicKey, privateKey } = bits % 2 ? oddKeyPair(bits) : crypto.generateKeyPairSync(kind, { modulusLength: bits, publicExponent: exponent, ...(kind === "rsa-pss" ? pss : {}) });
  const der = publicKey.export({ type: "spki", format: "der" });
  const tokenKey = der.toString("base64url");
  const tokenKeyId = keyId(der);
  const { n, e } = readTokenKey(tokenKey);
  const rawChallenge = CHALLENGES[at % CHALLENGES.length](crypto.randomBytes(24).toString("base64"));
  const nonce = crypto.randomBytes(32).toString("hex");
  const message = tokenInput(nonce, JSON.parse(rawChallenge).mac, tokenKeyId);
  const salt = crypto.randomBytes(SALT_BYTES);
  const r = toInteger(crypto.randomBytes(Math.ceil(bits / 8))) % n;
  const { blindedMessage, inverse } = blind({ n, e, message, salt, r });
  const blindSig = crypto.privateDecrypt({ key: rawKey(privateKey), padding: crypto.constants.RSA_NO_PADDING }, blindedMessage);
  const signature = unblind({ n, blindSig, inverse });
  const pass = assemblePass({ nonce, signature, keyId: tokenKeyId, rawChallenge });
  const relayToken = `relay_${crypto.randomBytes(12).toString("hex")}`;
  const relaySecret = crypto.randomUUID();
  return {
    bits, spki, token_key: tokenKey, token_key_id: tokenKeyId, challenge: Buffer.from(rawChallenge).toString("base64url"),
    nonce, salt: salt.toString("hex"), blinding_factor: toBytes(r, Math.ceil(bits / 8)).toString("hex"),
    token_input: message.toString("hex"), blinded_token: blindedMessage.toString("base64url"), blind_sig: blindSig.toString("base64url"),
    privacy_pass_token: pass, relay_token: relayToken, relay_secret: relaySecret,
    redeem_idempotency_keys: [0, 1].map((attempt) => redemptionKey(relaySecret, relayToken, pass, attempt)),
  };
});
writeFileSync(new URL("passes.json", import.meta.url), `${JSON.stringify(vectors, null, 1)}\n`);

const issuerKeys = [2048, 3072, 4096].map((bits) => {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: bits });
  const text = (key, type) => key.export({ type, format: "der" }).toString("base64url");
  return { bits, token_key: text(publicKey, "spki"), private_key: text(privateKey, "pkcs8") };
});
writeFileSync(new URL("issuer_keys.json", import.meta.url), `${JSON.stringify(issuerKeys, null, 1)}\n`);

/** OpenSSL makes no moduli of an odd number of bits; the encoding of a message is a byte shorter than some of them. */
function oddKeyPair(bits) {
  const e = 65537n;
  const prime = (size) => crypto.generatePrimeSync(size, { bigint: true, add: 2n * e, rem: 3n });
  for (;;) {
    const [p, q] = [prime((bits + 1) / 2), prime((bits - 1) / 2)];
    const n = p * q;
    if (n.toString(2).length !== bits) continue;
    const d = modInverse(e, (p - 1n) * (q - 1n));
    const numbers = { n, e, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: modInverse(q, p) };
    const text = (number) => { const hex = number.toString(16); return Buffer.from(hex.length % 2 ? `0${hex}` : hex, "hex").toString("base64url"); };
    const jwk = { kty: "RSA", ...Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, text(number)])) };
    const privateKey = crypto.createPrivateKey({ key: jwk, format: "jwk" });
    return { privateKey, publicKey: crypto.createPublicKey(privateKey) };
  }
}

/** OpenSSL signs raw with rsaEncryption keys only: the same numbers under that name. */
function rawKey(key) {
  if (key.asymmetricKeyType === "rsa") return key;
  const der = key.export({ type: "pkcs8", format: "der" });
  // The private key itself, PKCS#1, is the last OCTET STRING of the PKCS#8 structure and reaches to its end.
  const at = der.findIndex((_, i) => der[i] === 0x30 && der[i + 1] === 0x82 && i + 4 + der.readUInt16BE(i + 2) === der.length && i > 0);
  return crypto.createPrivateKey({ key: der.subarray(at), format: "der", type: "pkcs1" });
}

/** src/idempotency.rs, in OpenSSL's HMAC. */
function redemptionKey(secret, relayToken, pass, attempt) {
  const mac = crypto.createHmac("sha256", secret);
  for (const part of ["redeem.v1", relayToken, pass]) {
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
    mac.update(length).update(part);
  }
  const last = Buffer.alloc(4);
  last.writeUInt32BE(attempt);
  const bytes = mac.update(last).digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function sha256(bytes) {
  return crypto.createHash("sha256").update(bytes).digest();
}
