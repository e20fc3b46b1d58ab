/** What the Worker's tests share: secrets of the deployment, calls of a caller, and the steps of a relay's life. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { answered, secret as known, secretsSent } from "../support/canaries.mjs";
import { undescribed } from "../support/description.mjs";
import { requestText } from "../support/raw_http.mjs";

export const CLAIM_TYPE = "age_over18_united_kingdom";
export const API_KEY = "persona_production_simulator";
export const SANDBOX_API_KEY = "persona_sandbox_simulator";

/** A gateway token as `npm run secrets` makes it. */
export const newToken = () => crypto.randomBytes(32).toString("base64url");

/** An entry of `STORE_KEYS`. @param {string} id */
export const newStoreKey = (id) => `${id}:${crypto.randomBytes(32).toString("base64")}`;

/** The secrets of managed mode, with two callers. */
export function managedSecrets() {
  const shop = newToken();
  const bank = newToken();
  return {
    shop,
    bank,
    bindings: { PERSONA_API_KEY: API_KEY, GATEWAY_TOKENS: `shop:${shop},bank:${bank}`, STORE_KEYS: newStoreKey("k1") },
  };
}

/**
 * Whatever the gateway answers has to be as worker/openapi.ts describes it.
 *
 * @param {string} url
 * @param {{ method?: string, headers?: Record<string, string>, body?: unknown, bearer?: string, secret?: string }} [options] no body: none is sent
 * @returns {Promise<{ status: number, headers: Headers, text: string, body: any, error: any }>}
 */
export async function send(url, { method = "POST", headers = {}, body, bearer, secret } = {}) {
  known("relay secret", secret);
  secretsSent({ bearer, headers });
  const response = await fetch(url, {
    method,
    redirect: "manual",
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(secret === undefined ? {} : { "persona-relay-secret": secret }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  assert.deepEqual(undescribed({ method, path: new URL(url).pathname, status: response.status, headers: response.headers, text }), []);
  const parsed = text === "" ? undefined : JSON.parse(text);
  answered({ bearer, status: response.status, headers: response.headers, text, body: parsed });
  return { status: response.status, headers: response.headers, text, body: parsed, error: parsed?.errors?.[0] };
}

/**
 * The calls of a caller.
 *
 * @param {{ url: string }} gateway
 * @param {string} [bearer] gateway token or API key; sent with every call
 */
export function caller(gateway, bearer) {
  const auth = bearer === undefined ? {} : { bearer };
  return {
    /** @param {object} [body] @param {object} [more] */
    create: (body = {}, more = {}) => send(`${gateway.url}/relays`, { ...auth, body: { "claim-type": CLAIM_TYPE, "encryption-key-pem": null, ...body }, ...more }),
    /** @param {object} body @param {object} [more] */
    issue: (body, more = {}) => send(`${gateway.url}/relays/privacy-passes`, { ...auth, body, ...more }),
    /** @param {string} relayToken @param {object} [more] */
    view: (relayToken, more = {}) => send(`${gateway.url}/relays/${relayToken}`, { ...auth, method: "GET", ...more }),
    /** @param {string} relayToken @param {object} [more] */
    allowAgain: (relayToken, more = {}) => send(`${gateway.url}/relays/${relayToken}/privacy-pass/allow-again`, { ...auth, ...more }),
    /** @param {string} relayToken @param {object} [body] @param {object} [more] */
    redeem: (relayToken, body, more = {}) => send(`${gateway.url}/relays/${relayToken}/redeem`, { ...auth, ...(body === undefined ? {} : { body }), ...more }),
  };
}

/** The person's part. @param {{ url: string }} simulator @param {string} relayToken @param {"passed" | "failed"} [result] */
export async function complete(simulator, relayToken, result = "passed") {
  const { status } = await send(`${simulator.url}/_simulator/relays/${relayToken}/complete`, { body: { result } });
  if (status !== 200) throw new Error(`the simulator did not complete the relay: ${status}`);
}

/** Headers of one recorded request. @param {{ rawHeaders: [string, string][] }} request @param {string} name */
export function headerOf(request, name) {
  return request.rawHeaders.find(([header]) => header.toLowerCase() === name)?.[1];
}

/** Every answer of the gateway is JSON that nobody may cache or sniff. @param {{ headers: Headers | Record<string, string> }} answer */
export function plainHeaders({ headers }) {
  const get = (/** @type {string} */ name) => (headers instanceof Headers ? headers.get(name) : headers[name]);
  return { type: get("content-type"), cache: get("cache-control"), sniff: get("x-content-type-options") };
}

export const PLAIN = { type: "application/json", cache: "no-store", sniff: "nosniff" };

/** Directories for KV and ledger that outlive gateways. @param {import("node:test").TestContext} t */
export async function persistent(t) {
  const directory = await mkdtemp(path.join(tmpdir(), "relay-edge-stores-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const stores = { kvPersist: path.join(directory, "kv"), durableObjectsPersist: path.join(directory, "ledger") };
  for (const store of Object.values(stores)) await mkdir(store);
  return stores;
}

/**
 * Sends a request from a client that can go away: a FIN is no disconnect while the answer is outstanding, a reset is.
 *
 * @param {{ port: number }} gateway @param {string} bearer @param {string} target @param {object} body @param {object} [more] headers
 * @returns {Promise<{ reset: () => Promise<void> }>} once the request was written
 */
export async function sendFrom(gateway, bearer, target, body, more = {}) {
  const socket = net.connect(gateway.port, "127.0.0.1");
  socket.on("error", () => undefined);
  const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}`, ...more };
  await new Promise((resolve) => socket.write(requestText("POST", target, headers, JSON.stringify(body)), () => resolve(undefined)));
  return {
    async reset() {
      socket.resetAndDestroy();
      await new Promise((resolve) => setTimeout(resolve, 300)); // for the runtime to notice
    },
  };
}
