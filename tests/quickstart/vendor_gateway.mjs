// A platform's own code, modelled after the vendor's documented gateway contract (docs/protocol.md section 6), over plain
// fetch. gateway.test.mjs runs it with nothing changed but the base URL.
import crypto from "node:crypto";

const GATEWAY_URL = "http://localhost:8080";

const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", {
  modulusLength: 2048,
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

async function post(path, headers, body) {
  const response = await fetch(`${GATEWAY_URL}${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status} ${answer.errors[0].title}`);
  return answer;
}

export async function startAgeCheck() {
  return post("/relays", {}, { "claim-type": "age_over18_united_kingdom", "encryption-key-pem": publicKey });
}

/** Buys the pass for the relay, as the earlier documentation has it. */
export async function passForRelay(relay) {
  const headers = { Authorization: `Bearer ${process.env.PERSONA_API_KEY}`, "Persona-Relay-Secret": relay["relay-secret"] };
  return post("/relays/privacy-passes", headers, { "relay-token": relay["relay-token"] });
}

/** Buys a pass by claim type, as the current documentation has it. */
export async function passForClaimType() {
  const headers = { Authorization: `Bearer ${process.env.PERSONA_API_KEY}` };
  return post("/relays/privacy-passes", headers, { "claim-type": "age_over18_united_kingdom" });
}

export async function finishAgeCheck(relay, pass) {
  const headers = { "Persona-Relay-Secret": relay["relay-secret"] };
  const claim = await post(`/relays/${relay["relay-token"]}/redeem`, headers, { "privacy-pass-token": pass["privacy-pass-token"] });
  const decrypted = crypto.privateDecrypt(
    { key: privateKey, padding: crypto.constants.RSA_PKCS1_OAEP_PADDING },
    Buffer.from(claim["claim-payload"], "base64"),
  );
  return { over18: JSON.parse(decrypted.toString("utf8")).claim_result === "passed", tokenConsumed: claim["token-consumed"] };
}
