/** What the calls about one relay share: its token, its secret, and whose it is. */
import { sameSecret } from "./auth.js";
import { fieldError, relayNotFound, relayNotFoundYet } from "./errors.js";
import type { RelaySubject } from "./ledger_protocol.js";
import { relayLogId } from "./relay_records.js";
import type { Call, Managed } from "./routes.js";

/**
 * Checks a relay token before anything is done with it: it becomes part of an upstream path, and `..` would leave it
 * (docs/protocol.md). Notes in the log what stands for it.
 *
 * @throws GatewayError 400
 */
export async function admitRelayToken(call: Call, relayToken: string): Promise<string> {
  if (!RELAY_TOKEN.test(relayToken)) throw fieldError("relay-token", "must be 1 to 128 of A-Z a-z 0-9 _ -");
  const { deployment } = call;
  call.log.relay = await (deployment.mode === "managed" ? deployment.store.logId(relayToken) : relayLogId(relayToken));
  return relayToken;
}

/** The relay token of the path, decoded. @throws GatewayError 400 */
export function relayTokenOfPath(call: Call): Promise<string> {
  let decoded: string;
  try {
    decoded = decodeURIComponent(call.rawRelayToken);
  } catch {
    throw fieldError("relay-token", "is not valid percent-encoding");
  }
  return admitRelayToken(call, decoded);
}

/** The `Persona-Relay-Secret` header, if it was sent and is not empty. */
export function sentRelaySecret(request: Request): string | undefined {
  return request.headers.get("persona-relay-secret") || undefined;
}

/** The `Persona-Relay-Secret` header. @throws GatewayError 400 */
export function requiredRelaySecret(request: Request): string {
  const secret = sentRelaySecret(request);
  if (secret === undefined) throw fieldError("persona-relay-secret", "is missing: send it as a header");
  return secret;
}

/**
 * Managed mode: finds the relay and checks that it is the caller's. When KV does not show it, the secret that the caller
 * sent does instead; the ledger then knows whose it is.
 *
 * @throws GatewayError 404 when it is another's or the secret is wrong, 503 when KV does not show it and no secret was sent
 */
export async function ownedRelay(call: Call, deployment: Managed, relayToken: string): Promise<RelaySubject> {
  const sent = sentRelaySecret(call.request);
  const record = await deployment.store.relay(relayToken);
  const { callerId } = deployment;
  if (record === undefined) {
    if (sent === undefined) throw relayNotFoundYet();
    if (!RELAY_SECRET.test(sent)) throw fieldError("persona-relay-secret", "must be 1 to 512 visible ASCII characters: pass on what the creation of the relay answered");
    return { kind: "relay", callerId, relayToken, relaySecret: sent, claimType: null, sandbox: null, createdAt: null };
  }
  if (record.callerId !== callerId) throw relayNotFound();
  if (sent !== undefined && !(await sameSecret(sent, record.relaySecret))) throw relayNotFound();
  const { relaySecret, claimType, sandbox, createdAt } = record;
  return { kind: "relay", callerId, relayToken, relaySecret, claimType, sandbox, createdAt };
}

/** The documented form is `relay_…`; this is wider, and still can't leave its path segment. */
export const RELAY_TOKEN = /^[A-Za-z0-9_-]{1,128}$/;

/** As the SDK has it. Checked before an object is named after it. */
const RELAY_SECRET = /^[\x21-\x7e]{1,512}$/;
