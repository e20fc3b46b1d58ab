/** `POST /relays`: makes a relay. Costs nothing. */
import type { CreateRelayParams } from "../../pkg/workerd.js";
import { jsonResponse } from "../answer.js";
import { readFields } from "../body.js";
import { isSandboxKey } from "../env.js";
import { keyedSubject, sentIdempotencyKey } from "../keyed_requests.js";
import type { MadeRelay } from "../ledger_protocol.js";
import { admitRelayToken } from "../relay_access.js";
import type { Call, Managed } from "../routes.js";
import { anonymousPersona, callUpstream } from "../upstream.js";

const ABOUT = { call: "creation", relay: false } as const;

/** `{"claim-type", "encryption-key-pem": string|null, "sandbox"?}` in, the relay out. */
export async function createRelay(call: Call): Promise<Response> {
  const { deployment } = call;
  const fields = await readFields(call.request, { members: ["claim-type", "encryption-key-pem", "sandbox"] });
  const params = {
    claimType: fields.string("claim-type"),
    encryptionKeyPem: fields.nullableString("encryption-key-pem"),
    sandbox: fields.optionalBoolean("sandbox") ?? (deployment.mode === "managed" && isSandboxKey(deployment.config.apiKey)),
  };
  const idempotencyKey = deployment.mode === "managed" ? sentIdempotencyKey(call.request) : undefined;

  const { relay, replayed } = deployment.mode === "managed" && idempotencyKey !== undefined
    ? await createOnce(deployment, idempotencyKey, params)
    : { relay: await create(call, params), replayed: false };
  await admitRelayToken(call, relay.relayToken);

  const answer: Record<string, string> = {
    "relay-token": relay.relayToken,
    "relay-secret": relay.relaySecret,
    "relay-session-access-token": relay.relaySessionAccessToken,
  };
  if (deployment.mode === "managed") {
    // Answered only when stored: a relay that the gateway forgets could not be redeemed without its secret. What is answered
    // again may not have been stored, should the gateway have died in between.
    if (!replayed || (await deployment.store.relay(relay.relayToken)) === undefined) {
      const { relaySecret, createdAt } = relay;
      const { claimType, sandbox } = params;
      await deployment.store.putRelay(relay.relayToken, { v: 1, relaySecret, claimType, sandbox, callerId: deployment.callerId, createdAt });
    }
    if (deployment.config.withholdRelaySecret) delete answer["relay-secret"];
  }
  return jsonResponse(200, answer, replayed ? { "idempotent-replayed": "true" } : {});
}

type Wanted = Pick<CreateRelayParams, "claimType"> & { sandbox: boolean; encryptionKeyPem: string | null };

async function create({ deployment: { config } }: Call, params: Wanted): Promise<MadeRelay> {
  const relay = await callUpstream(config, ABOUT, () => anonymousPersona(config).relays.create(params));
  return { ...relay, createdAt: new Date().toISOString() };
}

async function createOnce({ callerId, ledger }: Managed, idempotencyKey: string, { encryptionKeyPem, ...params }: Wanted) {
  const subject = await keyedSubject(callerId, idempotencyKey, { route: "/relays", ...params, encryptionKeyPem });
  const { value, replayed } = await ledger.ofKey(subject, ABOUT, (object, of) => object.create(of, encryptionKeyPem));
  return { relay: value, replayed };
}
