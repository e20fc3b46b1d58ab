/** `Idempotency-Key` of callers (draft-ietf-httpapi-idempotency-key-header), for work that no relay token identifies. */
import { fieldError } from "./errors.js";
import type { KeyedSubject } from "./ledger_protocol.js";
import { sha256Hex } from "./seal.js";

/**
 * The key that the request came with, if it did. The draft has it quoted (an sf-string of RFC 8941); most callers don't.
 *
 * @throws GatewayError 400
 */
export function sentIdempotencyKey(request: Request): string | undefined {
  const header = request.headers.get("idempotency-key");
  if (header === null) return undefined;
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header);
  const key = quoted === null ? header : (quoted[1] ?? "").replace(/\\(.)/g, "$1");
  // What starts with a quote and is no string was cut off somewhere.
  if (!KEY.test(key) || (quoted === null && key.startsWith('"'))) throw fieldError("idempotency-key", "must be 1 to 255 visible ASCII characters");
  return key;
}

/** Two requests with one key must want the same, on the same route; how their JSON is written does not matter. */
export async function keyedSubject(
  callerId: string,
  idempotencyKey: string,
  wanted: { route: string; claimType: string; sandbox: boolean; encryptionKeyPem?: string | null },
): Promise<KeyedSubject> {
  const { route, claimType, sandbox, encryptionKeyPem = null } = wanted;
  const fingerprint = await sha256Hex(JSON.stringify([route, claimType, sandbox, encryptionKeyPem]));
  return { kind: "key", callerId, idempotencyKey, fingerprint, claimType, sandbox };
}

const KEY = /^[\x21-\x7e]{1,255}$/;
