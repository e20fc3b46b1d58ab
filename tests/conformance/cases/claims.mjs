/** Reading claims, and the keys that they are encrypted to. */
import { derOf, encrypt, keyPair, pemOf, pkcs1Of, toBase64, toolsFor } from "../neutral/tools.mjs";

const TEXT = '{"claim_type":"age_over18_germany","claim_result":"passed","x":"\u00fc"}';

const GOOD = {
  '{"claim_type":"t","claim_result":"passed"}': { claimType: "t", passed: true, claimResult: "passed", methodology: [] },
  ' {"claim_result":"failed", "claim_type":"t", "methodology":null}\n': { claimType: "t", passed: false, claimResult: "failed", methodology: [] },
  '{"claim_type":"caf\\u00e9","claim_result":"passed","new":{"a":[1]},"methodology":[{"method":"live_selfie","result":"passed","score":1},{"method":"tea_leaves"},{}]}': {
    claimType: "caf\u00e9",
    passed: true,
    claimResult: "passed",
    methodology: [{ method: "live_selfie", result: "passed" }, { method: "tea_leaves", result: "" }, { method: "", result: "" }],
  },
};
const BAD = [
  "", "x", "null", "[]", '"passed"', "{}", "{", '{"claim_type":"t"}', '{"claim_result":"passed"}', '{"claim_type":5,"claim_result":"passed"}', '{"claim_type":"t","claim_result":true}',
  '{"claim_type":"t","claim_result":"PASSED"}', '{"claim_type":"t","claim_result":"failed","claim_result":"passed"}', '{"claim_type":"t","claim_result":"passed"}{}',
];

/** @param {import("./index.mjs").Context} context */
export const claims = (context) => {
  const { library, assert } = context;
  const { failure } = toolsFor(context);

  const decrypts = {};
  for (const [hash, standard] of [["SHA-1", "PKCS#8"], ["SHA-256", "PKCS#8"], ["SHA-1", "PKCS#1"], ["SHA-256", "PKCS#1"]]) {
    decrypts[`decryptClaim: OAEP with ${hash}, a ${standard} key`] = async () => {
      const { encryptionKeyPem, privateKeyPem } = await keyPair(library);
      const pem = standard === "PKCS#1" ? pkcs1Of(privateKeyPem) : privateKeyPem;
      const payload = await encrypt(TEXT, encryptionKeyPem, hash);
      assert.equal(await library.decryptClaim(payload, pem), TEXT);
      assert.equal(await library.decryptClaim(payload.replace(/.{76}/g, "$&\r\n"), `\r\n${pem.replaceAll("\n", "\r\n")}\n`), TEXT);
    };
  }

  return {
    "parseClaim reads what a claim may look like": () => {
      for (const [payload, claim] of Object.entries(GOOD)) assert.deepEqual(library.parseClaim(payload), claim, payload);
    },

    "parseClaim refuses what is no claim": async () => {
      for (const payload of BAD) {
        const error = await failure(async () => library.parseClaim(payload), payload);
        assert.deepEqual([error.code, error.field], ["claim_invalid", "claimPayload"], payload);
      }
      assert.match((await failure(async () => library.parseClaim("A".repeat(344)))).details, /^claimPayload is encrypted: .*decryptClaim/);
    },

    "parseClaim reads megabytes, and text of every kind": () => {
      const method = "\u00fc\u2713\u{1f600}\u0000".repeat(2000);
      const claim = library.parseClaim(JSON.stringify({ claim_type: "t", claim_result: "passed", methodology: Array.from({ length: 100 }, () => ({ method, result: "passed" })) }));
      assert.equal(claim.methodology.length, 100);
      assert.ok(claim.methodology.every((entry) => entry.method === method));
    },

    ...decrypts,

    "decryptClaim refuses other keys, other payloads and what is neither": async () => {
      const { encryptionKeyPem, privateKeyPem } = await keyPair(library);
      const other = (await library.generateEncryptionKeyPair()).privateKeyPem;
      const payload = await encrypt(TEXT, encryptionKeyPem, "SHA-1");
      const garbage = Uint8Array.of(1, 2, 3);
      for (const [text, pem, code] of [
        [payload, other, "claim_decryption_failed"],
        [payload, pkcs1Of(other), "claim_decryption_failed"],
        ["AAAA", privateKeyPem, "claim_decryption_failed"],
        [toBase64(new Uint8Array(256).fill(1)), privateKeyPem, "claim_decryption_failed"],
        [await encrypt(TEXT, encryptionKeyPem, "SHA-512"), privateKeyPem, "claim_decryption_failed"],
        [TEXT, privateKeyPem, "claim_invalid"],
        [await encrypt(Uint8Array.of(0xff, 0xfe), encryptionKeyPem, "SHA-1"), privateKeyPem, "claim_invalid"],
        [payload, "", "private_key_invalid"],
        [payload, encryptionKeyPem, "private_key_invalid"],
        [payload, pemOf("PRIVATE KEY", garbage), "private_key_invalid"],
        [payload, pemOf("RSA PRIVATE KEY", garbage), "private_key_invalid"],
      ]) {
        const error = await failure(library.decryptClaim(text, pem), code);
        assert.deepEqual([error.code, error.statusCode, error.origin], [code, 400, "caller"]);
      }
    },

    "generateEncryptionKeyPair makes keys that WebCrypto takes, each another": async () => {
      const pairs = [await keyPair(library), await library.generateEncryptionKeyPair({ modulusLength: 3072 })];
      for (const [index, { encryptionKeyPem, privateKeyPem }] of pairs.entries()) {
        assert.match(encryptionKeyPem, /^-----BEGIN PUBLIC KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END PUBLIC KEY-----\n$/);
        assert.match(privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END PRIVATE KEY-----\n$/);
        const algorithm = { name: "RSA-OAEP", hash: "SHA-1" };
        const key = await crypto.subtle.importKey("pkcs8", derOf(privateKeyPem), algorithm, true, ["decrypt"]);
        assert.equal(key.algorithm.modulusLength, [2048, 3072][index]);
        assert.equal(await library.decryptClaim(await encrypt(TEXT, encryptionKeyPem, "SHA-1"), privateKeyPem), TEXT);
      }
      assert.notEqual(pairs[0].encryptionKeyPem, (await library.generateEncryptionKeyPair({})).encryptionKeyPem);
    },
  };
};
