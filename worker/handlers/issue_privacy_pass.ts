/** `POST /relays/privacy-passes`: buys a pass. The only call that costs money. */
import type { IssuePrivacyPassParams } from "../../pkg/workerd.js";
import { jsonResponse } from "../answer.js";
import { callersApiKey } from "../auth.js";
import { type Fields, readFields } from "../body.js";
import { fieldError } from "../errors.js";
import { keyedSubject, sentIdempotencyKey } from "../keyed_requests.js";
import { admitRelayToken, ownedRelay, requiredRelaySecret } from "../relay_access.js";
import type { Call, Managed } from "../routes.js";
import { callUpstream, payingPersona } from "../upstream.js";

/** `{"claim-type", "sandbox"?}`, or `{"relay-token"}` with `Persona-Relay-Secret`, in; `{"privacy-pass-token"}` out. */
export async function issuePrivacyPass(call: Call): Promise<Response> {
  const { deployment, request } = call;
  // Before the body is read: without a key there is nothing to do.
  const apiKey = deployment.mode === "managed" ? deployment.config.apiKey : callersApiKey(request);
  const fields = await readFields(request);
  const claimType = fields.optionalString("claim-type");
  const relayToken = fields.optionalString("relay-token");
  if (claimType !== undefined && relayToken !== undefined) throw fieldError("relay-token", "must not be sent together with claim-type");

  if (relayToken === undefined) return buyForClaimType(call, apiKey, fields);
  await admitRelayToken(call, relayToken);
  if (deployment.mode === "managed") return buyForOwnedRelay(call, deployment, relayToken, { allowAgain: false });
  return buyNow(call, apiKey, { relayToken, relaySecret: requiredRelaySecret(request) });
}

/** One pass per relay: bought once, kept, and answered again. `allowAgain`: an operator's leave to buy another. */
export async function buyForOwnedRelay(call: Call, deployment: Managed, relayToken: string, options: { allowAgain: boolean }): Promise<Response> {
  const relay = await ownedRelay(call, deployment, relayToken);
  const about = { call: "purchase", relay: true } as const;
  const { value, replayed } = await deployment.ledger.ofRelay(relay, about, (ledger) => ledger.buy(relay, options));
  return answer(value.privacyPassToken, replayed);
}

/** Not tied to a relay, so there is nothing to keep it under but the caller's own key, if it sent one. */
async function buyForClaimType(call: Call, apiKey: string, fields: Fields): Promise<Response> {
  const { deployment, request } = call;
  if (fields.optionalString("claim-type") === undefined) throw fieldError("claim-type", "is missing (or relay-token, for the earlier form)");
  const params = { claimType: fields.string("claim-type"), sandbox: fields.optionalBoolean("sandbox") ?? false };
  const idempotencyKey = deployment.mode === "managed" ? sentIdempotencyKey(request) : undefined;
  if (deployment.mode !== "managed" || idempotencyKey === undefined) return buyNow(call, apiKey, params);

  const subject = await keyedSubject(deployment.callerId, idempotencyKey, { route: "/relays/privacy-passes", ...params });
  const about = { call: "purchase", relay: false } as const;
  const { value, replayed } = await deployment.ledger.ofKey(subject, about, (ledger, of) => ledger.buy(of, { allowAgain: false }));
  return answer(value.privacyPassToken, replayed);
}

/** Nothing is kept. */
async function buyNow(call: Call, apiKey: string, params: IssuePrivacyPassParams): Promise<Response> {
  const { config } = call.deployment;
  const about = { call: "purchase", relay: params.relayToken !== undefined } as const;
  const bought = await callUpstream(config, about, () => payingPersona(config, apiKey).relays.issuePrivacyPass(params));
  return answer(bought.privacyPassToken, false);
}

function answer(privacyPassToken: string, replayed: boolean): Response {
  return jsonResponse(200, { "privacy-pass-token": privacyPassToken }, replayed ? { "idempotent-replayed": "true" } : {});
}
