/** What is bought, what a purchase is told by, and what came of one. */
import type { IssuePrivacyPassParams, Persona } from "../pkg/workerd.js";
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

/**
 * The pass of a record in which it is. Of such a record the SDK says what the pass is, and asks nobody.
 *
 * @throws PersonaError for another record: nothing can be written, and so nothing sent for it
 */
export async function passOfRecord({ relays }: Persona, params: IssuePrivacyPassParams, text: string): Promise<string> {
  const write = () => {
    throw new TypeError("the record has no pass");
  };
  const record = { read: () => ({ text, version: 1 }), write };
  return (await relays.issuePrivacyPass(params, { record })).privacyPassToken;
}
