/** What the purchase of a subject is to the SDK: its parameters, and the name that its idempotency keys follow from. */
import type { IssuePrivacyPassParams } from "../pkg/workerd.js";
import type { RelaySubject } from "./ledger_protocol.js";
import type { KeptSubject } from "./ledger_storage.js";

/** The call of the SDK: by claim type, or by relay when KV did not show the relay. */
export function purchaseParams(subject: KeptSubject): IssuePrivacyPassParams {
  const { claimType, sandbox } = subject;
  if (claimType !== null) return { claimType, sandbox: sandbox ?? false };
  const { relayToken, relaySecret } = subject as RelaySubject; // a key always has a claim type
  return { relayToken, relaySecret };
}

/** Tells a subject from all others of the deployment: what idempotency keys follow from. */
export function uniqueName(subject: KeptSubject): string {
  return subject.kind === "relay" ? `relay\0${subject.relayToken}` : `key\0${subject.callerId}\0${subject.idempotencyKey}`;
}
