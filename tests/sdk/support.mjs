/**
 * What the SDK's tests share: the library, a simulator per file that faults can be put into, and helpers.
 *
 * `RELAY_EDGE_SDK`, a module URL or path, puts another build of the library under the same tests.
 */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { after } from "node:test";
import { pathToFileURL } from "node:url";
import { startSimulator } from "../../simulator/index.mjs";
import { startScriptedUpstream } from "../support/scripted_upstream.mjs";

const named = process.env.RELAY_EDGE_SDK;
/** The module URL of the library, for child processes. */
export const libraryUrl =
  named === undefined ? new URL("../../pkg/node.js", import.meta.url).href : named.startsWith("/") ? pathToFileURL(named).href : named;
export const library = await import(libraryUrl);
export const { Persona, PersonaError } = library;

export const CLAIM_TYPE = "age_over18_united_kingdom";
export const PRODUCTION_KEY = "persona_production_simulator";
export const SANDBOX_KEY = "persona_sandbox_simulator";

/**
 * A simulator that is closed when the file is done. `fault`, when a test sets it, stands around every call.
 *
 * @param {import("../../simulator/index.mjs").Options} [options]
 */
export async function useSimulator(options = {}) {
  const control = { fault: undefined };
  const simulator = await startSimulator({ ...options, intercept: (exchange, next) => (control.fault ? control.fault(exchange, next) : next()) });
  after(() => simulator.close());
  return Object.assign(simulator, {
    /** Runs `work` with a fault in place; answers what `work` does and the requests that came meanwhile. */
    async during(fault, work) {
      const before = simulator.requests().length;
      control.fault = fault;
      try {
        const result = await work();
        return { result, requests: simulator.requests().slice(before) };
      } finally {
        control.fault = undefined;
      }
    },
    /** A client of this simulator. */
    client: (more = {}) => new Persona({ baseUrl: simulator.url, apiKey: PRODUCTION_KEY, ...more }),
  });
}

/** A relay with a pass, its verification completed. */
export async function readyRelay(simulator, { result = "passed", claimType = CLAIM_TYPE } = {}) {
  const persona = simulator.client();
  const { relayToken, relaySecret } = await persona.relays.create({ claimType });
  const { privacyPassToken } = await persona.relays.issuePrivacyPass({ claimType });
  simulator.complete(relayToken, { result });
  return { relayToken, relaySecret, privacyPassToken };
}

/** A scripted upstream that is closed when the file is done. */
export async function useUpstream(react) {
  const upstream = await startScriptedUpstream(react);
  after(() => upstream.close());
  return upstream;
}

/** A `fetch` option that answers from a function, and what it was asked. */
export function scriptedFetch(react) {
  const asked = [];
  const fetch = async (url, init) => {
    asked.push({ path: new URL(url).pathname, url, init });
    const { status = 200, headers = {}, body = {} } = await react(new URL(url).pathname, init, asked.length);
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status, headers });
  };
  return { fetch, asked };
}

/** The relays of a client whose requests are answered from a function. */
export const scriptedClient = (react, options) => new Persona({ apiKey: "persona_production_x", maxRetries: 0, ...scriptedFetch(react), ...options }).relays;
/** What a redemption takes. */
export const REDEEM = { relayToken: "relay_x", relaySecret: "secret", privacyPassToken: "cGFzcw" };

/** The error of a call that must fail with a PersonaError. */
export async function failure(work) {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (error) {
    assert.ok(error instanceof PersonaError, `not a PersonaError: ${error?.stack ?? error}`);
    return error;
  }
  return assert.fail("it did not fail");
}

/** The names and values of the headers of a recorded request, names in lower case. */
export function headersOf(request) {
  return Object.fromEntries(request.rawHeaders.map(([name, value]) => [name.toLowerCase(), value]));
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
export const base64url = (text) => Buffer.from(text).toString("base64url");

/** An issuer as a test wants it: a challenge text, and DER. Nothing here is checked. */
export function offer({ challenge = {}, raw, tokenKey = rsaKey().spki, tokenKeyId = "key-1" } = {}) {
  const members = { token_type: 2, issuer_name: "withpersona.com/api/v1/privacy-passes", expires_at: inSeconds(3600), mac: "m", ...challenge };
  return {
    challenge: base64url(raw ?? JSON.stringify(members)),
    tokenKey: typeof tokenKey === "string" ? tokenKey : tokenKey.toString("base64url"),
    tokenKeyId,
  };
}

/** RFC 3339, from now. */
export const inSeconds = (seconds) => new Date(Date.now() + seconds * 1000).toISOString();

let made;
/** One RSA key per process: keys take time. */
export function rsaKey() {
  if (made === undefined) {
    const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
    made = { publicKey, privateKey, spki: publicKey.export({ type: "spki", format: "der" }), pem: publicKey.export({ type: "spki", format: "pem" }) };
  }
  return made;
}

/** The two ways of asking for a challenge, each with the answer that says what `offered` says. */
export const challengeForms = {
  "by claim type": {
    params: { claimType: CLAIM_TYPE },
    answer: ({ challenge, tokenKey, tokenKeyId }) => ({ body: { challenge, "token-key": tokenKey, "token-key-id": tokenKeyId } }),
  },
  "by relay": {
    params: { relayToken: "relay_x", relaySecret: "secret" },
    answer: ({ challenge, tokenKey, tokenKeyId }) => ({
      status: 401,
      headers: { "www-authenticate": `PrivateToken challenge="${challenge}", token-key="${tokenKey}", token-key-id="${tokenKeyId}"` },
    }),
  },
};

export const PURCHASE_PATH = "/api/v1/privacy-passes";
