/** `POST /relays/privacy-passes`: buys a pass. The only call that costs money. */
import { type DurablePurchase, type IssuePrivacyPassParams, describePurchase } from "../../pkg/workerd.js";
import { jsonResponse } from "../answer.js";
import { callersApiKey } from "../auth.js";
import { type Fields, readFields } from "../body.js";
import { isSandboxKey } from "../env.js";
import { fieldError } from "../errors.js";
import { keyedSubject, sentIdempotencyKey } from "../keyed_requests.js";
import { refused } from "../ledger_client.js";
import { Refused } from "../ledger_outcomes.js";
import { writePoolLog } from "../log.js";
import { passOfRecord } from "../pass_of_record.js";
import { askPool, isPooled, takeFromPool } from "../pool_client.js";
import { type PurchaseLimit, openPurchaseLimit, takeSlot } from "../purchase_limit.js";
import { admitRelayToken, ownedRelay, requiredRelaySecret } from "../relay_access.js";
import type { Call, Managed } from "../routes.js";
import { callUpstream, payingPersona } from "../upstream.js";

/** `{"claim-type", "sandbox"?}`, or `{"relay-token"}` with `Persona-Relay-Secret`, in; `{"privacy-pass-token"}` out. */
export async function issuePrivacyPass(call: Call): Promise<Response> {
  const { deployment, request } = call;
  // Before the body is read: without a key there is nothing to do.
  const apiKey = deployment.mode === "managed" ? deployment.config.apiKey : callersApiKey(request);
  const fields = await readFields(request, { members: ["claim-type", "relay-token", "sandbox"] });
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
  const params = { claimType: fields.string("claim-type"), sandbox: fields.optionalBoolean("sandbox") ?? isSandboxKey(apiKey) };
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
  const about = { call: "purchase", relay: params.relayToken !== undefined, secrets: [apiKey, params.relaySecret] } as const;
  const { relays } = payingPersona(config, apiKey);
  const limit = call.deployment.mode === "managed" ? openPurchaseLimit(call.deployment.config, call.deployment.callerId) : undefined;
  const direct = (durable?: DurablePurchase) => callUpstream(config, about, () => (durable === undefined ? relays.issuePrivacyPass(params) : relays.issuePrivacyPass(params, durable)));
  const buy = async (durable?: DurablePurchase) => (await takeOnce(call, params)) ?? direct(durable);
  const buying = limit?.active ? buyCounted(limit, buy) : buy();
  const bought = await buying.catch((error: unknown) => {
    throw error instanceof Refused ? refused(error.refusal) : error;
  });
  return answer(bought.privacyPassToken, false);
}

/** As one of the caller's purchases of the day, unless nothing came of it. A crash counts: it may have been billed. */
async function buyCounted<T>(limit: PurchaseLimit, buy: (durable: DurablePurchase) => Promise<T>): Promise<T> {
  const slot = `once/${crypto.randomUUID()}`;
  await takeSlot(limit, slot);
  let written: string | undefined; // tells whether anything may have been billed
  try {
    return await buy({ record: { read: () => undefined, write: (text) => ((written = text), 1) } });
  } catch (error) {
    const { state, inDoubt } = written === undefined ? { state: "none", inDoubt: false } : describePurchase(written);
    const notBilled = !inDoubt && ["none", "rejected", "sent"].includes(state);
    if (notBilled) await limit.giveBack(slot).catch(() => undefined); // then it counts until midnight
    throw error;
  }
}

/** A pass that was bought ahead, for a caller who could not ask for it again. `undefined` when there is none. */
async function takeOnce({ deployment }: Call, { claimType, sandbox }: IssuePrivacyPassParams): Promise<{ privacyPassToken: string } | undefined> {
  if (deployment.mode !== "managed" || claimType === undefined || sandbox === undefined) return undefined;
  const { config, callerId } = deployment;
  const shelf = { claimType, sandbox };
  if (!isPooled(config, shelf)) return undefined;
  const taker = `once/${crypto.randomUUID()}`;
  const record = await takeFromPool(config, taker, shelf, { ifBound: false });
  if (record === null) return void writePoolLog("warn", { code: "pool_empty", ...shelf, caller: callerId });
  const privacyPassToken = await passOfRecord(payingPersona(config, config.apiKey), shelf, record);
  await askPool(config, (pool) => pool.collected(taker)).catch(() => undefined); // it is then shown as bound
  return { privacyPassToken };
}

function answer(privacyPassToken: string, replayed: boolean): Response {
  return jsonResponse(200, { "privacy-pass-token": privacyPassToken }, replayed ? { "idempotent-replayed": "true" } : {});
}
