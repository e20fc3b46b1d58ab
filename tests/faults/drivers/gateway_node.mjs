/** The gateway outside Cloudflare, as it is deployed under Node: examples/gateway/node.mjs on a SQLite file. */
import crypto from "node:crypto";
import { exampleCommand } from "../../../scripts/lib/example.mjs";
import { startHost } from "../../support/hosts.mjs";
import { API_KEY, EMPTY_POOLS } from "../lib/callers.mjs";
import { newStoreKey } from "../lib/child_driver.mjs";

/** @type {import("../lib/lane.mjs").Driver} */
export const gatewayNode = {
  name: "gateway-node",
  kills: true,
  get available() {
    const example = exampleCommand("node");
    return "missing" in example ? example.missing : true;
  },
  each: true,
  keepsPass: true,
  keyed: true,
  // As in workerd: 4 tries of 10 s.
  tries: 4,
  hangMs: 10_500,
  slow: true,
  async start({ upstream, directory, secrets }) {
    secrets.token ??= crypto.randomBytes(32).toString("base64url");
    secrets.storeKeys ??= newStoreKey("k1");
    const bindings = {
      PERSONA_API_KEY: API_KEY,
      GATEWAY_TOKENS: `shop:${secrets.token}`,
      STORE_KEYS: secrets.storeKeys,
      PURCHASES_PER_DAY: "999999",
      // An empty one, which every purchase asks first: that must cost nothing either.
      PASS_POOL: EMPTY_POOLS,
      // These faults rotate keys within minutes; who is then refused is for tests/worker/issuer_keys.test.mjs.
      PERMISSIVE_ISSUER_KEYS: "true",
    };
    const { url, logs, close } = await startHost("node", { bindings, upstream, durableObjectsPersist: directory });
    return { url, headers: { authorization: `Bearer ${secrets.token}` }, logs, kill: close, close };
  },
};
