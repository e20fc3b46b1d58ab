/** `POST /relays`: makes a relay. Costs nothing. */
import { jsonResponse } from "../answer.js";
import { readFields } from "../body.js";
import { admitRelayToken } from "../relay_access.js";
import type { Call } from "../routes.js";
import { anonymousPersona, callUpstream } from "../upstream.js";

/** `{"claim-type", "encryption-key-pem": string|null, "sandbox"?}` in, the relay out. */
export async function createRelay(call: Call): Promise<Response> {
  const { deployment } = call;
  const fields = await readFields(call.request);
  const claimType = fields.string("claim-type");
  const encryptionKeyPem = fields.nullableString("encryption-key-pem");
  const sandbox = fields.optionalBoolean("sandbox") ?? false;

  const relay = await callUpstream(deployment.config, { call: "creation", relay: false }, () =>
    anonymousPersona(deployment.config).relays.create({ claimType, encryptionKeyPem, sandbox }),
  );
  await admitRelayToken(call, relay.relayToken);

  const answer: Record<string, string> = {
    "relay-token": relay.relayToken,
    "relay-secret": relay.relaySecret,
    "relay-session-access-token": relay.relaySessionAccessToken,
  };
  if (deployment.mode === "managed") {
    // Answered only when stored: a relay that the gateway forgets could not be redeemed without its secret.
    await deployment.store.putRelay(relay.relayToken, {
      v: 1,
      relaySecret: relay.relaySecret,
      claimType,
      sandbox,
      callerId: deployment.callerId,
      createdAt: new Date().toISOString(),
    });
    if (deployment.config.withholdRelaySecret) delete answer["relay-secret"];
  }
  return jsonResponse(200, answer);
}
