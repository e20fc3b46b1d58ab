/** `GET /issuer-keys`: the issuer keys that were seen here, so that two deployments can compare theirs. */
import { jsonResponse } from "../answer.js";
import { storeUnavailable } from "../errors.js";
import { openIssuerKeys } from "../issuer_key_guard.js";
import type { Call } from "../routes.js";

export async function listIssuerKeys({ deployment }: Call): Promise<Response> {
  if (deployment.mode !== "managed") throw new TypeError("the route is there in managed mode only");
  const list = async () => openIssuerKeys(deployment.config).list();
  const keys = await list().catch(list).catch(() => {
    throw storeUnavailable();
  });
  const time = (at: number) => new Date(at).toISOString();
  return jsonResponse(200, {
    "issuer-keys": keys.map(({ claimType, sandbox, keyHash, tokenKeyId, firstSeen, lastSeen, anonymousLast, purchaseLast }) => ({
      "claim-type": claimType,
      sandbox,
      "key-hash": keyHash,
      "token-key-id": tokenKeyId,
      "first-seen": time(firstSeen),
      "last-seen": time(lastSeen),
      anonymous: anonymousLast !== null,
      purchase: purchaseLast !== null,
    })),
  });
}
