/** `GET /relays/{relay-token}`: where a relay stands, for its owner. No secret, no pass, no claim. */
import { jsonResponse } from "../answer.js";
import { echoes } from "../echo.js";
import { relayNotFound } from "../errors.js";
import type { Standing } from "../ledger_protocol.js";
import { ownedRelay, relayTokenOfPath } from "../relay_access.js";
import type { Call } from "../routes.js";

export async function viewRelay(call: Call): Promise<Response> {
  const { deployment } = call;
  if (deployment.mode !== "managed") throw new TypeError("the route is there in managed mode only");
  const relay = await ownedRelay(call, deployment, await relayTokenOfPath(call));
  const about = { call: "redemption", relay: true } as const;
  const { value } = await deployment.ledger.ofRelay(relay, about, (ledger) => ledger.view(deployment.callerId));
  // Neither KV nor the ledger knows it: whether it exists, only Persona could tell.
  if (relay.createdAt === null && value.subject === undefined) throw relayNotFound();
  const { relayToken, claimType, sandbox, createdAt } = relay;
  const isSecret = echoes(deployment.config, [relay.relaySecret]);
  return jsonResponse(200, {
    "relay-token": relayToken,
    "claim-type": claimType,
    sandbox,
    "created-at": createdAt,
    purchase: shown(value.purchase, isSecret),
    redemption: shown(value.redemption, isSecret),
  });
}

/** In the spelling of the gateway; times in RFC 3339. */
function shown(standing: Standing | undefined, isSecret: (text: unknown) => boolean) {
  if (standing === undefined) return { state: "none", attempt: 0, "in-doubt": false, unsettled: false };
  const { state, attempt, since, inDoubt, unsettled, refusal } = standing;
  const said = (text: string | null) => (isSecret(text) ? null : text);
  return {
    state,
    attempt,
    ...(since !== undefined && { since: new Date(since * 1000).toISOString() }),
    "in-doubt": inDoubt,
    unsettled,
    ...(refusal !== undefined && {
      refusal: { status: refusal.status, title: said(refusal.title), details: said(refusal.details), code: said(refusal.code), "request-id": said(refusal.requestId) },
    }),
  };
}
