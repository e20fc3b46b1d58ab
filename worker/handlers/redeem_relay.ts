/** `POST /relays/{relay-token}/redeem`: spends a pass on a relay, anonymously, and reads the claim. */
import type { GeneratedClaim } from "../../pkg/workerd.js";
import { jsonResponse } from "../answer.js";
import { privateToken } from "../auth.js";
import { readFields } from "../body.js";
import { fieldError } from "../errors.js";
import { ownedRelay, relayTokenOfPath, requiredRelaySecret } from "../relay_access.js";
import type { Call, Managed } from "../routes.js";
import { anonymousPersona, callUpstream } from "../upstream.js";

const ABOUT = { call: "redemption", relay: true } as const;

/** `Persona-Relay-Secret` and `{"privacy-pass-token"}` in, `{"claim-payload", "token-consumed"}` out. Managed mode may know both. */
export async function redeemRelay(call: Call): Promise<Response> {
  const { deployment, request } = call;
  const relayToken = await relayTokenOfPath(call);
  const sent = sentPass(request, (await readFields(request, { members: ["privacy-pass-token"], allowEmpty: true })).optionalString("privacy-pass-token"));
  if (deployment.mode === "managed") return redeemOnce(call, deployment, relayToken, sent);

  const relaySecret = requiredRelaySecret(request);
  if (sent === undefined) throw fieldError("privacy-pass-token", "is missing");
  const params = { relayToken, relaySecret, privacyPassToken: sent };
  // This client was not given an API key, and the SDK forwards no header of the caller.
  const about = { ...ABOUT, secrets: [params.relaySecret, params.privacyPassToken] };
  const claim = await callUpstream(deployment.config, about, () => anonymousPersona(deployment.config).relays.generateClaim(params));
  return answer(claim, false);
}

/** The claim is kept, and answered again. */
async function redeemOnce(call: Call, deployment: Managed, relayToken: string, sent: string | undefined): Promise<Response> {
  const relay = await ownedRelay(call, deployment, relayToken);
  const { value, replayed } = await deployment.ledger.ofRelay(relay, { ...ABOUT, secrets: [sent] }, (ledger) => ledger.redeem(relay, sent ?? null));
  return answer(value, replayed);
}

/**
 * The caller's pass, if they sent one: in the body, or in `Authorization: PrivateToken token=…`. A gateway token leaves no room for
 * that; a binding, Cloudflare Access and pass-through mode do.
 *
 * @throws GatewayError 400
 */
function sentPass(request: Request, inBody: string | undefined): string | undefined {
  const inHeader = privateToken(request);
  if (inBody !== undefined && inHeader !== undefined && inBody !== inHeader) {
    throw fieldError("privacy-pass-token", "differs from the one in authorization");
  }
  return inBody ?? inHeader;
}

function answer({ claimPayload, tokenConsumed }: GeneratedClaim, replayed: boolean): Response {
  const claim = { "claim-payload": claimPayload, "token-consumed": tokenConsumed };
  return jsonResponse(200, claim, replayed ? { "idempotent-replayed": "true" } : {});
}
