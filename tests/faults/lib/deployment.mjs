/** The settings of a gateway under faults, the same wherever it runs. */
import crypto from "node:crypto";
import { API_KEY, EMPTY_POOLS } from "./callers.mjs";
import { newStoreKey } from "./child_driver.mjs";

/**
 * @param {Record<string, string>} secrets of a driver, which outlive its processes; those that are missing are made
 * @returns {{ bindings: Record<string, string>, headers: Record<string, string> }} what it is deployed with; what its caller sends
 */
export function deployment(secrets) {
  const token = (secrets.token ??= crypto.randomBytes(32).toString("base64url"));
  const bindings = {
    PERSONA_API_KEY: API_KEY,
    GATEWAY_TOKENS: `shop:${token}`,
    STORE_KEYS: (secrets.storeKeys ??= newStoreKey("k1")),
    // Out of reach: that purchases are counted must cost neither a pass nor a claim.
    PURCHASES_PER_DAY: "999999",
    // An empty one, which every purchase asks first: that must cost nothing either.
    PASS_POOL: EMPTY_POOLS,
    // These faults rotate keys within minutes; who is then refused is for tests/worker/issuer_keys.test.mjs.
    PERMISSIVE_ISSUER_KEYS: "true",
    ...(secrets.idempotencyKeys === undefined ? {} : { IDEMPOTENCY_KEYS: secrets.idempotencyKeys }),
  };
  return { bindings, headers: { authorization: `Bearer ${token}` } };
}
