/**
 * Stands for the vendor's Node SDK, so that code which uses it can be run before it is changed: the same interface
 * (docs/protocol.md section 7), the environment taken from the API key, 3 retries after 100 ms doubling, and a new
 * idempotency key for every call. Its cryptography is the tests' reference client, which is independent of the crate.
 */
import { randomUUID } from "node:crypto";
import { assemblePass, finalize, preparePurchase } from "../../../simulator/reference_client.mjs";

const RELAYS = "/api/privacy/v1/relays";
const RETRIED = [429, 500, 502, 503, 504];

export class PersonaError extends Error {
  constructor({ statusCode, title, details, code, meta }) {
    super(title);
    Object.assign(this, { name: "PersonaError", statusCode, title, details, code, meta });
  }
}

export class Persona {
  constructor({ apiKey = "", baseUrl = "https://api.withpersona.com" } = {}) {
    const environment = apiKey.startsWith("persona_sandbox_") ? { sandbox: true } : {};

    const once = async (path, body, headers) => {
      const all = { "content-type": "application/json", "key-inflection": "kebab", ...headers };
      let response, text;
      try {
        response = await fetch(baseUrl + path, { method: "POST", headers: all, body: JSON.stringify(body), signal: AbortSignal.timeout(10_000) });
        text = await response.text();
      } catch (error) {
        throw new PersonaError(error.name === "TimeoutError" ? { statusCode: 504, title: "Timeout" } : { statusCode: 502, title: "Network error" });
      }
      const answer = JSON.parse(text);
      if (!response.ok) throw new PersonaError({ statusCode: response.status, ...answer.errors[0] });
      return answer;
    };
    const post = async (path, body, headers, retried = RETRIED) => {
      for (let wait = 100; ; wait *= 2) {
        try {
          return await once(path, body, headers);
        } catch (error) {
          if (wait > 400 || !retried.includes(error.statusCode)) throw error;
          await new Promise((resolve) => setTimeout(resolve, wait));
        }
      }
    };

    const offerFor = async ({ claimType, relayToken, relaySecret }) => {
      if (relayToken === undefined) {
        const offer = await post(`${RELAYS}/challenge`, { "claim-type": claimType, ...environment });
        return { challenge: offer.challenge, tokenKey: offer["token-key"], tokenKeyId: offer["token-key-id"] };
      }
      const headers = { "content-type": "application/json", "persona-relay-secret": relaySecret };
      const response = await fetch(`${baseUrl}${RELAYS}/${relayToken}/generate-claim`, { method: "POST", headers, body: "{}" });
      const answer = await response.json();
      if (response.status !== 401) throw new PersonaError({ statusCode: response.status, ...answer.errors[0] });
      const parameter = (name) => new RegExp(`\\b${name}="([^"]*)"`).exec(response.headers.get("www-authenticate"))[1];
      return { challenge: parameter("challenge"), tokenKey: parameter("token-key"), tokenKeyId: parameter("token-key-id") };
    };

    this.relays = {
      async create({ claimType, encryptionKeyPem }) {
        const relay = await post(RELAYS, { "claim-type": claimType, "encryption-key-pem": encryptionKeyPem, ...environment });
        return { relayToken: relay["relay-token"], relaySecret: relay["relay-secret"], relaySessionAccessToken: relay["relay-session-access-token"] };
      },
      async issuePrivacyPass(which) {
        const prepared = preparePurchase(await offerFor(which));
        const bought = await post(
          "/api/v1/privacy-passes",
          { "blinded-token": prepared.blindedToken, "key-id": prepared.tokenKeyId },
          { authorization: `Bearer ${apiKey}`, "idempotency-key": randomUUID() },
        );
        const signature = finalize(prepared, bought["blind-sig"]);
        return { privacyPassToken: assemblePass({ nonce: prepared.nonce, signature, keyId: prepared.tokenKeyId, rawChallenge: prepared.rawChallenge }) };
      },
      async generateClaim({ relayToken, relaySecret, privacyPassToken }) {
        const headers = {
          authorization: `PrivateToken token=${privacyPassToken}`,
          "persona-relay-secret": relaySecret,
          "idempotency-key": randomUUID(),
        };
        const claim = await post(`${RELAYS}/${relayToken}/generate-claim`, {}, headers, [...RETRIED, 403]);
        return { claimPayload: claim["claim-payload"], tokenConsumed: claim["token-consumed"] };
      },
    };
  }
}

export default Persona;
