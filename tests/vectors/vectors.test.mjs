// The committed vectors are right: OpenSSL verifies each pass, and the arithmetic by hand finds the same bytes again.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { blind, readTokenKey, SALT_BYTES, tokenInput, toInteger, unblind } from "../simulator/reference_client.mjs";

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8"));
const verify = (key, message, signature) =>
  crypto.verify("sha384", message, { key, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES }, signature);

for (const vector of read("passes.json")) {
  test(`the vector of a ${vector.bits}-bit ${vector.spki} key holds`, () => {
    const { n, e, key } = readTokenKey(vector.token_key);
    assert.equal(n.toString(2).length, vector.bits);
    const pass = JSON.parse(Buffer.from(vector.privacy_pass_token, "base64url").toString());
    const message = tokenInput(vector.nonce, pass.challenge.mac, vector.token_key_id);
    assert.equal(message.toString("hex"), vector.token_input);
    const r = toInteger(Buffer.from(vector.blinding_factor, "hex"));
    const { blindedMessage, inverse } = blind({ n, e, message, salt: Buffer.from(vector.salt, "hex"), r });
    assert.equal(blindedMessage.toString("base64url"), vector.blinded_token);
    const signature = unblind({ n, inverse, blindSig: Buffer.from(vector.blind_sig, "base64url") });
    assert.equal(signature.toString("base64url"), pass.signature);
    assert.ok(verify(key, message, signature));
    assert.ok(!verify(key, Buffer.concat([message, Buffer.alloc(1)]), signature));
  });
}

test("the vector of RFC 9474 holds", () => {
  const vector = read("rfc9474.json");
  const { n, e, key } = readTokenKey(vector.token_key);
  const bytes = (name) => Buffer.from(vector[name], "hex");
  const { blindedMessage, inverse } = blind({ n, e, message: bytes("msg"), salt: bytes("salt"), r: toInteger(bytes("blinding_factor")) });
  assert.equal(blindedMessage.toString("hex"), vector.blinded_msg);
  assert.equal(inverse, toInteger(bytes("inv")));
  assert.ok(unblind({ n, inverse, blindSig: bytes("blind_sig") }).equals(bytes("sig")));
  assert.ok(verify(key, bytes("msg"), bytes("sig")));
});
