/** Callers of the gateway contract over real sockets, of which some are really reset. */
import http from "node:http";

export const API_KEY = "persona_production_simulator";

/** `PASS_POOL` of gateways, by every claim type that is bought in these tests. */
export const EMPTY_POOLS = JSON.stringify(Object.fromEntries(["age_over18_germany", "age_over18_soak", ...["purchase", "keyed", "redeem"].flatMap((call) => [1, 4, 20].map((callers) => `claim_${call}_${callers}`))].map((type) => [type, 0])));

/** A caller that hears nothing for so long has met a driver that hangs. */
const SILENCE_MS = 45_000;

/**
 * @typedef {object} Answer
 * @property {number | null} status null when no whole answer came
 * @property {any} body
 * @property {string | undefined} code of the first error
 * @property {number | undefined} retryAfterMs
 * @property {boolean} replayed
 * @property {string | null} broken why no whole answer came; `reset` when we reset the connection
 *
 * @typedef {{ relayToken: string, relaySecret: string, claimType: string, pass?: string }} Relay
 */

/**
 * Sends one request on a connection of its own, and never rejects.
 * @param {{ url: string, headers?: Record<string, string> }} host
 * @param {{ path: string, headers?: Record<string, string>, body?: unknown }} request
 * @param {AbortSignal} [reset] resets the socket, as a client does that crashes: a FIN would go unnoticed
 * @returns {Promise<Answer>}
 */
export function send(host, { path, headers = {}, body = {} }, reset) {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(host.url);
    const broken = (/** @type {string} */ why) => resolve({ status: null, body: undefined, code: undefined, retryAfterMs: undefined, replayed: false, broken: why });
    const all = { "content-type": "application/json", ...host.headers, ...headers };
    const request = http.request({ hostname, port, path, method: "POST", headers: all, agent: false, timeout: SILENCE_MS }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("error", (/** @type {NodeJS.ErrnoException} */ error) => broken(error.code ?? error.message));
      response.on("end", () => {
        const parsed = parse(text);
        const retryAfter = Number(response.headers["retry-after"] ?? Number.NaN);
        resolve({
          status: response.statusCode ?? 0,
          body: parsed,
          code: parsed?.errors?.[0]?.code,
          retryAfterMs: Number.isNaN(retryAfter) ? undefined : retryAfter * 1000,
          replayed: response.headers["idempotent-replayed"] === "true",
          broken: null,
        });
      });
    });
    const resetNow = () => {
      broken("reset");
      if (request.socket) request.socket.resetAndDestroy();
      else request.destroy();
    };
    request.on("error", (/** @type {NodeJS.ErrnoException} */ error) => broken(error.code ?? error.message));
    request.on("timeout", () => {
      broken(`no answer in ${SILENCE_MS} ms`);
      request.destroy();
    });
    if (reset?.aborted) return resetNow();
    reset?.addEventListener("abort", resetNow, { once: true });
    request.end(JSON.stringify(body));
  });
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The calls of a relay's life. `pass` is sent along only if the driver keeps none. */
export const calls = {
  /** @param {any} host @param {string} claimType */
  async create(host, claimType) {
    const make = () => send(host, { path: "/relays", body: { "claim-type": claimType, "encryption-key-pem": null } });
    // It is free, and not what is tested: a try may be late on a busy machine.
    let { status, body, broken } = await make();
    for (let more = 4; more > 0 && status !== 200; more -= 1) ({ status, body, broken } = await make());
    if (status !== 200) throw new Error(`the relay was not made: ${status} ${broken} ${JSON.stringify(body)}`);
    return { relayToken: body["relay-token"], relaySecret: body["relay-secret"], claimType };
  },
  /** @param {any} host @param {Relay} relay @param {AbortSignal} [reset] */
  purchase: (host, { relayToken, relaySecret }, reset) =>
    send(host, { path: "/relays/privacy-passes", headers: { "persona-relay-secret": relaySecret }, body: { "relay-token": relayToken } }, reset),
  /** By claim type, under a key of the caller's. @param {any} host @param {Relay} relay @param {AbortSignal} [reset] */
  keyed: (host, { relayToken, claimType }, reset) =>
    send(host, { path: "/relays/privacy-passes", headers: { "idempotency-key": `for-${relayToken}` }, body: { "claim-type": claimType } }, reset),
  /** @param {any} host @param {Relay} relay @param {AbortSignal} [reset] */
  redeem: (host, { relayToken, relaySecret, pass }, reset) =>
    send(host, { path: `/relays/${relayToken}/redeem`, headers: { "persona-relay-secret": relaySecret }, body: pass === undefined ? {} : { "privacy-pass-token": pass } }, reset),
};

/**
 * What was delivered: the pass, or the claim; undefined for anything else.
 * @param {Answer} answer @returns {string | undefined}
 */
export function delivered({ status, body }) {
  if (status !== 200) return undefined;
  if (typeof body?.["privacy-pass-token"] === "string") return body["privacy-pass-token"];
  if (typeof body?.["claim-payload"] === "string") return `${body["claim-payload"]} ${body["token-consumed"]}`;
  return undefined;
}

/** For messages. @param {Answer} answer */
export function inWords({ status, code, broken, body }) {
  return broken ?? `${status}${code === undefined ? "" : ` ${code}`}${status === 200 || code !== undefined ? "" : ` ${JSON.stringify(body)}`}`;
}

/** @param {number} ms */
export const sleep = (ms) => new Promise((/** @type {(value: void) => void} */ resolve) => setTimeout(resolve, ms));
