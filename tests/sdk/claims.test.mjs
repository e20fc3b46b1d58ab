/** Reading claims, the keys that they are encrypted to, and the page that the person opens. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { describe, test } from "node:test";
import { failure, library, rsaKey } from "./support.mjs";

const { parseClaim, decryptClaim, generateEncryptionKeyPair, hostedFlowUrl } = library;

describe("parseClaim", () => {
  const good = {
    '{"claim_type":"t","claim_result":"passed"}': { claimType: "t", passed: true, claimResult: "passed", methodology: [] },
    ' {"claim_result":"failed", "claim_type":"t", "methodology":null}\n': { claimType: "t", passed: false, claimResult: "failed", methodology: [] },
    '{"claim_type":"caf\\u00e9","claim_result":"passed","new":{"a":[1]},"methodology":[{"method":"live_selfie","result":"passed","score":1},{"method":"tea_leaves"},{}]}': {
      claimType: "caf\u00e9",
      passed: true,
      claimResult: "passed",
      methodology: [{ method: "live_selfie", result: "passed" }, { method: "tea_leaves", result: "" }, { method: "", result: "" }],
    },
  };
  for (const [payload, claim] of Object.entries(good)) test(payload, () => assert.deepEqual(parseClaim(payload), claim));

  const bad = [
    "", "x", "null", "[]", '"passed"', "{}", "{", '{"claim_type":"t"}', '{"claim_result":"passed"}', '{"claim_type":5,"claim_result":"passed"}', '{"claim_type":"t","claim_result":true}',
    '{"claim_type":"t","claim_result":"PASSED"}', '{"claim_type":"t","claim_result":"pending"}', '{"claim_type":"t","claim_result":"failed","claim_result":"passed"}',
    '{"claim_type":"t","claim_result":"passed","methodology":{}}', '{"claim_type":"t","claim_result":"passed"}{}', '["t","passed"]',
  ];
  for (const payload of bad) {
    test(`not: ${payload}`, async () => {
      const error = await failure(async () => parseClaim(payload));
      assert.equal(error.code, "claim_invalid");
      assert.equal(error.field, "claimPayload");
    });
  }

  test("an encrypted claim: the error names what to do", async () => {
    const error = await failure(async () => parseClaim(crypto.randomBytes(256).toString("base64")));
    assert.equal(error.code, "claim_invalid");
    assert.match(error.details, /^claimPayload is encrypted: .*decryptClaim/);
  });
});

describe("decryptClaim", () => {
  const { publicKey, privateKey } = rsaKey();
  const text = '{"claim_type":"age_over18_germany","claim_result":"passed","x":"\u00fc"}';
  const encrypt = (plain, oaepHash = "sha1", key = publicKey) => crypto.publicEncrypt({ key, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING, oaepHash }, Buffer.from(plain)).toString("base64");
  const pem = (type, key = privateKey, more = {}) => key.export({ type, format: "pem", ...more });

  for (const type of ["pkcs8", "pkcs1"]) {
    for (const hash of ["sha1", "sha256"]) {
      test(`${type}, OAEP with ${hash}`, async () => {
        assert.equal(await decryptClaim(encrypt(text, hash), pem(type)), text);
        assert.equal(await decryptClaim(encrypt(text, hash), `\r\n${pem(type).replaceAll("\n", "\r\n")}\n`), text);
      });
    }
  }

  test("keys of 3072 and 4096 bits", async () => {
    for (const modulusLength of [3072, 4096]) {
      const pair = await generateEncryptionKeyPair({ modulusLength });
      assert.equal(await decryptClaim(encrypt(text, "sha1", pair.encryptionKeyPem), pair.privateKeyPem), text);
    }
  });

  test("base64 in lines", async () => assert.equal(await decryptClaim(encrypt(text).replace(/.{76}/g, "$&\r\n"), pem("pkcs8")), text));

  const other = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const ec = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const short = pem("pkcs8").split("\n");
  const rows = {
    "another key": [() => encrypt(text), pem("pkcs8", other), "claim_decryption_failed"],
    "a changed payload": [() => encrypt(text).replace(/^./, (first) => (first === "A" ? "B" : "A")), pem("pkcs8"), "claim_decryption_failed"],
    "a payload that is too short": [() => "AAAA", pem("pkcs8"), "claim_decryption_failed"],
    "an empty payload": [() => "", pem("pkcs8"), "claim_decryption_failed"],
    "OAEP with SHA-512": [() => encrypt(text, "sha512"), pem("pkcs8"), "claim_decryption_failed"],
    "a payload in the clear": [() => text, pem("pkcs8"), "claim_invalid"],
    "a payload that is no base64": [() => "<html>", pem("pkcs8"), "claim_invalid"],
    "a plaintext that is no UTF-8": [() => encrypt(Buffer.of(0xff, 0xfe)), pem("pkcs8"), "claim_invalid"],
    "no key": [() => encrypt(text), "", "private_key_invalid"],
    "garbage for a key": [() => encrypt(text), "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----", "private_key_invalid"],
    "a key with a line missing": [() => encrypt(text), short.filter((_, at) => at !== 5).join("\n"), "private_key_invalid"],
    "PKCS#1 garbage": [() => encrypt(text), "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----", "private_key_invalid"],
    "a public key": [() => encrypt(text), rsaKey().pem, "private_key_invalid"],
    "an EC key": [() => encrypt(text), pem("pkcs8", ec), "private_key_invalid"],
    "SEC1": [() => encrypt(text), pem("sec1", ec), "private_key_invalid"],
    "an encrypted PKCS#8": [() => encrypt(text), pem("pkcs8", privateKey, { cipher: "aes-256-cbc", passphrase: "x" }), "private_key_invalid"],
    "an encrypted PKCS#1": [() => encrypt(text), pem("pkcs1", privateKey, { cipher: "aes-256-cbc", passphrase: "x" }), "private_key_invalid"],
  };
  for (const [name, [payload, key, code]] of Object.entries(rows)) {
    test(name, async () => assert.equal((await failure(decryptClaim(payload(), key))).code, code));
  }
});

describe("generateEncryptionKeyPair", () => {
  for (const modulusLength of [undefined, 2048, 2056, 3072]) {
    test(`${modulusLength ?? "the default"}`, async () => {
      const pair = await (modulusLength ? generateEncryptionKeyPair({ modulusLength }) : generateEncryptionKeyPair());
      assert.deepEqual(Object.keys(pair).sort(), ["encryptionKeyPem", "privateKeyPem"]);
      assert.match(pair.encryptionKeyPem, /^-----BEGIN PUBLIC KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END PUBLIC KEY-----\n$/);
      assert.match(pair.privateKeyPem, /^-----BEGIN PRIVATE KEY-----\n(?:[A-Za-z0-9+/=]{1,64}\n)+-----END PRIVATE KEY-----\n$/);
      assert.equal(crypto.createPublicKey(pair.encryptionKeyPem).asymmetricKeyDetails.modulusLength, modulusLength ?? 2048);
      assert.equal(crypto.createPublicKey(pair.encryptionKeyPem).asymmetricKeyDetails.publicExponent, 65_537n);
      const ciphertext = crypto.publicEncrypt(pair.encryptionKeyPem, Buffer.from("claim"));
      assert.equal(crypto.privateDecrypt(pair.privateKeyPem, ciphertext).toString(), "claim");
    });
  }

  test("each pair is another", async () => {
    const [one, two] = await Promise.all([generateEncryptionKeyPair({}), generateEncryptionKeyPair()]);
    assert.notEqual(one.encryptionKeyPem, two.encryptionKeyPem);
  });
});

test("hostedFlowUrl", () => {
  const base = "https://relay.withpersona.com/relay?relay-session-access-token=a.b-c_d~e";
  assert.equal(hostedFlowUrl("a.b-c_d~e"), base);
  assert.equal(hostedFlowUrl("a.b-c_d~e", {}), base);
  for (const theme of ["light", "dark", "auto"]) assert.equal(hostedFlowUrl("a.b-c_d~e", { theme }), `${base}&theme=${theme}`);
});
