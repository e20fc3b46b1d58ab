/** What cases share: clients, relays that are ready, answers that a case makes up, keys by WebCrypto. */
import { PRODUCTION_KEY } from "./upstream.mjs";

export const CLAIM_TYPE = "age_over18_united_kingdom";
export const RELAY = { "relay-token": "relay_x", "relay-secret": "s", "relay-session-access-token": "a.b.c" };
/** More text than the 64 MiB that the module may take. */
export const GIANT = 70_000_000;
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const inSeconds = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

export const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
export const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
export const toBase64url = (bytes) => toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
export const fromBase64url = (text) => fromBase64(text.replaceAll("-", "+").replaceAll("_", "/"));
export const utf8 = (text) => new TextEncoder().encode(text);
export const fromUtf8 = (bytes) => new TextDecoder().decode(bytes);

export const derOf = (pem) => fromBase64(pem.replace(/-----[^-]+-----|\s/g, ""));
export const pemOf = (label, der) => `-----BEGIN ${label}-----\n${toBase64(der).replace(/.{64}/g, "$&\n").trimEnd()}\n-----END ${label}-----\n`;

/** PKCS#1 out of PKCS#8, of a key of 2048 bits: version, algorithm and the head of the OCTET STRING come first. */
export const pkcs1Of = (pem) => pemOf("RSA PRIVATE KEY", derOf(pem).slice(26));

/** RSA-OAEP by WebCrypto, in base64. */
export async function encrypt(text, encryptionKeyPem, hash) {
  const key = await crypto.subtle.importKey("spki", derOf(encryptionKeyPem), { name: "RSA-OAEP", hash }, false, ["encrypt"]);
  return toBase64(new Uint8Array(await crypto.subtle.encrypt({ name: "RSA-OAEP" }, key, typeof text === "string" ? utf8(text) : text)));
}

const pairs = new WeakMap();
/** One key pair of 2048 bits per library: keys take time. The pair is kept, not the promise, which belongs to a Worker's request. */
export async function keyPair(library) {
  if (!pairs.has(library)) pairs.set(library, await library.generateEncryptionKeyPair());
  return pairs.get(library);
}

/** A `fetch` option that answers from a function, and what it was asked. */
export function scripted(react) {
  const asked = [];
  const fetch = async (url, init) => {
    asked.push({ url, path: new URL(url).pathname, init });
    const { status = 200, headers = {}, body = {} } = await react(new URL(url).pathname, init, asked.length);
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  };
  return { fetch, asked };
}

/** A record whose text nothing changes. */
export const kept = (text) => ({ record: { read: () => ({ text, version: 1 }), write: () => 2 } });

/** @param {{ library: any, upstream: ReturnType<typeof import("./upstream.mjs").openUpstream>, assert: typeof import("./assert.mjs") }} context */
export function toolsFor({ library, upstream, assert }) {
  const client = (options) => new library.Persona({ baseUrl: upstream.url, apiKey: PRODUCTION_KEY, ...options });
  return {
    /** A client of the simulator. */
    client,
    /** A client that no request of leaves. */
    silent: (options) => new library.Persona({ apiKey: "persona_production_x", fetch: () => assert.fail("a request was made"), ...options }),
    /** Tells what a call fails with: it must, and with a PersonaError. */
    async failure(work, about = "") {
      try {
        await (typeof work === "function" ? work() : work);
      } catch (error) {
        if (error instanceof library.PersonaError) return error;
        throw error;
      }
      return assert.fail(`${about} it did not fail`);
    },
    /** A relay with a pass, its verification completed. */
    async readyRelay({ result = "passed", claimType = CLAIM_TYPE, relays = client().relays } = {}) {
      const { relayToken, relaySecret } = await relays.create({ claimType });
      const { privacyPassToken } = await relays.issuePrivacyPass({ claimType });
      await upstream.complete(relayToken, result);
      return { relayToken, relaySecret, privacyPassToken };
    },
    /** That requests were sent as often as that, each the first one's repetition to the letter. */
    assertRepeated(requests, times) {
      assert.equal(requests.length, times, "requests");
      const seen = ({ target, body, headers }) => [target, body, headers.authorization, headers["idempotency-key"]];
      assert.match(requests[0].headers["idempotency-key"], UUID);
      for (const request of requests) assert.deepEqual(seen(request), seen(requests[0]), "a repetition");
    },
    /** A challenge as an issuer could offer it. The key is real; nothing else is checked here. */
    async offer({ challenge = {}, raw, tokenKey, tokenKeyId = "key-1" } = {}) {
      const members = { token_type: 2, issuer_name: "withpersona.com/api/v1/privacy-passes", expires_at: inSeconds(3600), mac: "m", ...challenge };
      const spki = tokenKey ?? toBase64url(derOf((await keyPair(library)).encryptionKeyPem));
      return { challenge: toBase64url(utf8(raw ?? JSON.stringify(members))), tokenKey: spki, tokenKeyId };
    },
  };
}

/** What the upstream answers by claim type. */
export const challengeAnswer = ({ challenge, tokenKey, tokenKeyId }) => ({ body: { challenge, "token-key": tokenKey, "token-key-id": tokenKeyId } });
/** The value of `WWW-Authenticate` that it answers by relay. */
export const challengeHeader = ({ challenge, tokenKey, tokenKeyId }) => `PrivateToken challenge="${challenge}", token-key="${tokenKey}", token-key-id="${tokenKeyId}"`;
