/** `POST /relays/privacy-passes`: buys a pass. The only call that costs money. */
import type { IssuePrivacyPassParams, Persona } from "../../pkg/workerd.js";
import { jsonResponse } from "../answer.js";
import { callersApiKey } from "../auth.js";
import { type Fields, readFields } from "../body.js";
import { GatewayError, fieldError } from "../errors.js";
import { admitRelayToken, ownedRelay, requiredRelaySecret, storedPass } from "../relay_access.js";
import type { Call, Managed } from "../routes.js";
import { callUpstream, payingPersona } from "../upstream.js";

/** `{"claim-type", "sandbox"?}`, or `{"relay-token"}` with `Persona-Relay-Secret`, in; `{"privacy-pass-token"}` out. */
export async function issuePrivacyPass(call: Call): Promise<Response> {
  const { deployment, request } = call;
  // Before the body is read: without a key there is nothing to do.
  const apiKey = deployment.mode === "managed" ? deployment.config.apiKey : callersApiKey(request);
  const persona = payingPersona(deployment.config, apiKey);
  const fields = await readFields(request);
  const claimType = fields.optionalString("claim-type");
  const relayToken = fields.optionalString("relay-token");
  if (claimType !== undefined && relayToken !== undefined) throw fieldError("relay-token", "must not be sent together with claim-type");

  if (relayToken === undefined) return buyForClaimType(call, persona, fields);
  await admitRelayToken(call, relayToken);
  if (deployment.mode === "managed") return buyForOwnedRelay(call, deployment, persona, relayToken);
  return answer(await buy(call, persona, { relayToken, relaySecret: requiredRelaySecret(request) }));
}

/** Not tied to a relay, so there is nothing to keep it under: the caller keeps it. */
async function buyForClaimType(call: Call, persona: Persona, fields: Fields): Promise<Response> {
  if (fields.optionalString("claim-type") === undefined) throw fieldError("claim-type", "is missing (or relay-token, for the earlier form)");
  const params = { claimType: fields.string("claim-type"), sandbox: fields.optionalBoolean("sandbox") ?? false };
  return answer(await buy(call, persona, params));
}

/** One pass per relay: bought once, kept, and answered again. */
async function buyForOwnedRelay(call: Call, deployment: Managed, persona: Persona, relayToken: string): Promise<Response> {
  const { relaySecret, record } = await ownedRelay(call, deployment, relayToken);
  const stored = await storedPass(deployment, relayToken);
  if (stored !== undefined) return answer(stored, { "idempotent-replayed": "true" });

  const params = record === undefined ? { relayToken, relaySecret } : { claimType: record.claimType, sandbox: record.sandbox };
  const pass = await buy(call, persona, params);
  try {
    const createdAt = new Date().toISOString();
    await deployment.store.putPass(relayToken, { v: 1, privacyPassToken: pass, callerId: deployment.callerId, createdAt });
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    // It is paid for, and with the answer it is not lost.
    call.log.mend = ["RELAYS: a pass that was bought could not be stored; it was answered, and redeems when it is sent along"];
  }
  return answer(pass);
}

async function buy(call: Call, persona: Persona, params: IssuePrivacyPassParams): Promise<string> {
  const about = { call: "purchase", relay: params.relayToken !== undefined } as const;
  const bought = await callUpstream(call.deployment.config, about, () => persona.relays.issuePrivacyPass(params));
  return bought.privacyPassToken;
}

function answer(privacyPassToken: string, headers?: Record<string, string>): Response {
  return jsonResponse(200, { "privacy-pass-token": privacyPassToken }, headers);
}
