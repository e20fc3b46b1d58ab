/** What the attacks share: both gateways in front of an upstream that says what a test wants, and of which every request is seen. */
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { rawRequest, requestText } from "../support/raw_http.mjs";
import { forward, startScriptedUpstream } from "../support/scripted_upstream.mjs";
import { API_KEY, CLAIM_TYPE, caller, managedSecrets } from "../worker/support.mjs";

/** A body of `POST /relays`. */
export const RELAY = { "claim-type": CLAIM_TYPE, "encryption-key-pem": null };
export const JSON_TYPE = { "content-type": "application/json" };

/** @typedef {import("../support/scripted_upstream.mjs").Seen} Seen */
/** @typedef {import("../support/scripted_upstream.mjs").Reaction} Reaction */

/**
 * A gateway of each mode. To be closed by `close`.
 *
 * @param {Record<string, unknown>} [bindings] of the managed one, besides its secrets
 */
export async function startScene(bindings = {}) {
  const secrets = managedSecrets();
  /** @type {{ react: (seen: Seen) => Reaction | undefined }} */
  const control = { react: () => undefined };
  const simulator = await startSimulator();
  const upstream = await startScriptedUpstream(async (seen) => control.react(seen) ?? forward(simulator, seen));
  const open = await startGateway({ upstream: upstream.url });
  const managed = await startGateway({ upstream: upstream.url, bindings: { ...secrets.bindings, ...bindings } });
  return {
    secrets, simulator, upstream, open, managed,
    /** What the simulator answers. @param {Seen} seen @returns {Promise<any>} */
    forward: (seen) => forward(simulator, seen),
    /** Callers: of the open gateway with an API key, and of the managed one. */
    payer: caller(open, API_KEY),
    shop: caller(managed, secrets.shop),
    bank: caller(managed, secrets.bank),
    /** Has the upstream react so for the time of a test. @param {import("node:test").TestContext} t @param {(seen: Seen) => Reaction | undefined} react */
    answering(t, react) {
      control.react = react;
      t.after(() => (control.react = () => undefined));
    },
    async close() {
      for (const part of [open, managed, upstream, simulator]) await part.close();
    },
  };
}

/** Of which kind a request to the upstream is. @param {Seen} seen */
export function callOf({ path, headers }) {
  if (path === "/api/v1/privacy-passes") return "purchase";
  if (path === "/api/privacy/v1/relays") return "creation";
  if (path === "/api/privacy/v1/relays/challenge") return "challenge";
  if (!/^\/api\/privacy\/v1\/relays\/[A-Za-z0-9_-]+\/generate-claim$/.test(path)) return undefined;
  return headers.authorization === undefined ? "challenge" : "redemption";
}

/** A request of the shop, byte for byte, in managed mode. @param {any} scene @param {string} method @param {string} target @param {Record<string, string>} [headers] @param {unknown} [body] */
export function rawOfShop(scene, method, target, headers = {}, body = undefined) {
  const all = { authorization: `Bearer ${scene.secrets.shop}`, ...(body === undefined ? {} : JSON_TYPE), ...headers };
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  return rawRequest(scene.managed.port, requestText(method, target, all, text));
}
