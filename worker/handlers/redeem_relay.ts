/** `POST /relays/{relay-token}/redeem`: spends a pass on a relay, anonymously, and reads the claim. */
import type { GenerateClaimParams } from "../../pkg/workerd.js";
import { jsonResponse } from "../answer.js";
import { privateToken } from "../auth.js";
import { readFields } from "../body.js";
import { fieldError, notFoundYet } from "../errors.js";
import { ownedRelay, relayTokenOfPath, requiredRelaySecret, storedPass } from "../relay_access.js";
import type { Call, Managed } from "../routes.js";
import { anonymousPersona, callUpstream } from "../upstream.js";

/** `Persona-Relay-Secret` and `{"privacy-pass-token"}` in, `{"claim-payload", "token-consumed"}` out. Managed mode may know both. */
export async function redeemRelay(call: Call): Promise<Response> {
  const { deployment } = call;
  const relayToken = await relayTokenOfPath(call);
  const sent = (await readFields(call.request, { allowEmpty: true })).optionalString("privacy-pass-token");
  const params = deployment.mode === "managed"
    ? await ownedParams(call, deployment, relayToken, sent)
    : { relayToken, relaySecret: requiredRelaySecret(call.request), privacyPassToken: callersPass(call.request, sent) };

  // This client was not given an API key, and the SDK forwards no header of the caller.
  const claim = await callUpstream(deployment.config, { call: "redemption", relay: true }, () =>
    anonymousPersona(deployment.config).relays.generateClaim(params),
  );
  return jsonResponse(200, { "claim-payload": claim.claimPayload, "token-consumed": claim.tokenConsumed });
}

/** Pass-through mode: the pass is in the body, or in `Authorization: PrivateToken token=…`. @throws GatewayError 400 */
function callersPass(request: Request, sent: string | undefined): string {
  const inHeader = privateToken(request);
  if (sent !== undefined && inHeader !== undefined && sent !== inHeader) {
    throw fieldError("privacy-pass-token", "differs from the one in authorization");
  }
  const pass = sent ?? inHeader;
  if (pass === undefined) throw fieldError("privacy-pass-token", "is missing");
  return pass;
}

async function ownedParams(call: Call, deployment: Managed, relayToken: string, sent: string | undefined): Promise<GenerateClaimParams> {
  const { relaySecret } = await ownedRelay(call, deployment, relayToken);
  const privacyPassToken = sent ?? (await storedPass(deployment, relayToken));
  if (privacyPassToken === undefined) {
    throw notFoundYet("pass_not_found_yet", "privacy-pass-token is not known here (yet); buy it, try again, or send it along");
  }
  return { relayToken, relaySecret, privacyPassToken };
}
