// Claims that are encrypted for their platform: RSA-OAEP by the runtime's WebCrypto. What goes in and what comes out is read and
// written in the module.
import { call } from "./guard.js";
import * as relay from "./relay_edge.js";

/** As the vendor does it, then as one would today. */
const HASHES = ["SHA-1", "SHA-256"];
/**
 * Waited for before anything can fail: with an old compatibility date workerd reports a promise that is rejected before somebody
 * has it in hand, although it is handled then.
 */
const later = Promise.resolve();
const algorithm = (hash) => ({ name: "RSA-OAEP", hash });

export async function decryptClaim(claimPayload, privateKeyPem) {
  await later;
  const { ciphertext, pkcs8 } = call(() => relay.claimToDecrypt(claimPayload, privateKeyPem));
  const plaintext = await decrypt(ciphertext, pkcs8);
  pkcs8.fill(0);
  return call(() => relay.decryptedClaim(plaintext));
}

/** The plaintext; `undefined` when the key does not open it, `null` when it is no such key. */
async function decrypt(ciphertext, pkcs8) {
  for (const hash of HASHES) {
    let key;
    try {
      key = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm(hash), false, ["decrypt"]);
    } catch {
      return null;
    }
    try {
      return new Uint8Array(await crypto.subtle.decrypt("RSA-OAEP", key, ciphertext));
    } catch {
      // With the other hash, perhaps.
    }
  }
}

export async function generateEncryptionKeyPair(options) {
  await later;
  const modulusLength = call(() => relay.modulusLength(options));
  const [spki, pkcs8] = await generate(modulusLength).catch(() => []);
  return call(() => relay.keyPairPem(spki, pkcs8));
}

async function generate(modulusLength) {
  const parameters = { ...algorithm(HASHES[0]), modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
  const { publicKey, privateKey } = await crypto.subtle.generateKey(parameters, true, ["encrypt", "decrypt"]);
  const exported = [crypto.subtle.exportKey("spki", publicKey), crypto.subtle.exportKey("pkcs8", privateKey)];
  return (await Promise.all(exported)).map((der) => new Uint8Array(der));
}
