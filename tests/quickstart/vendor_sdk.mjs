// A platform's own code, modelled after the vendor's documented Node API (docs/protocol.md section 7): create, issue, let the
// person complete, redeem, decrypt. sdk.test.mjs runs it with nothing changed but the import line, whose package name
// stands for the vendor's SDK and is never looked up.
import Persona from "@persona/node";
import crypto from "node:crypto";

const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

const persona = new Persona({ apiKey: process.env.PERSONA_API_KEY });

export async function startAgeCheck() {
  const { relayToken, relaySecret, relaySessionAccessToken } = await persona.relays.create({
    claimType: "age_over18_united_kingdom",
    encryptionKeyPem: publicKey,
  });
  // The access token goes to the browser; the other two stay on the server.
  return { relayToken, relaySecret, relaySessionAccessToken };
}

export async function finishAgeCheck({ relayToken, relaySecret }) {
  const { privacyPassToken } = await persona.relays.issuePrivacyPass({ relayToken, relaySecret });

  const { claimPayload, tokenConsumed } = await persona.relays.generateClaim({
    relayToken,
    relaySecret,
    privacyPassToken,
  });

  const decrypted = crypto.privateDecrypt(
    { key: privateKey, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING },
    Buffer.from(claimPayload, "base64"),
  );
  const claim = JSON.parse(decrypted.toString("utf8"));
  return { over18: claim.claim_result === "passed", tokenConsumed };
}

export async function tryAgeCheck(relay) {
  try {
    return await finishAgeCheck(relay);
  } catch (error) {
    return { failed: error.statusCode, title: error.title, details: error.details, code: error.code };
  }
}
