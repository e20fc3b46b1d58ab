/** `POST /relays/{relay-token}/privacy-pass/allow-again`: an operator's leave to buy a pass that may have been billed already. */
import { readFields } from "../body.js";
import { relayTokenOfPath } from "../relay_access.js";
import type { Call } from "../routes.js";
import { buyForOwnedRelay } from "./issue_privacy_pass.js";

/** Nothing in; as the purchase answers, out. The leave is for one purchase: asked for again, it is 409 while none is in doubt. */
export async function allowPurchaseAgain(call: Call): Promise<Response> {
  const { deployment } = call;
  if (deployment.mode !== "managed") throw new TypeError("the route is there in managed mode only");
  const relayToken = await relayTokenOfPath(call);
  await readFields(call.request, { members: [], allowEmpty: true });
  return buyForOwnedRelay(call, deployment, relayToken, { allowAgain: true });
}
