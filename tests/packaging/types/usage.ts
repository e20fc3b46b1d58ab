// What must compile, and what must not. Compiled by types.test.mjs only, never run.
import Persona, {
  type Claim, type ErrorCode, type PersonaOptions, type RecordStore, type Relay, Persona as Named, PersonaError, RelayLedger,
  blindPrivacyPass, decryptClaim, describePurchase, finalizePrivacyPass, generateEncryptionKeyPair, hostedFlowUrl, parseClaim,
} from "relay-edge";
import { type LedgerStore, type Sealer, MemoryStore, SqliteStore, aesGcmSealer } from "relay-edge/stores";
import { Persona as Inline } from "relay-edge/inline";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const is = <T extends true>(): T => true as T;

const options: PersonaOptions = { apiKey: "k", baseUrl: "https://example.com", timeoutMs: 1, maxRetries: 0, deadlineMs: 1, personaVersion: "2026-01-01", fetch };
const persona: Named = new Persona(options);
new Inline();

/** As `process.env` has it: what is not set is undefined. */
export async function whatMayBeUndefined(env: Record<string, string | undefined>, flag: boolean, store: RecordStore): Promise<void> {
  const [text, number, on] = [env.TEXT, flag ? 1 : undefined, flag ? true : undefined];
  const { relays } = new Persona({
    apiKey: env.PERSONA_API_KEY, baseUrl: text, timeoutMs: number, maxRetries: number, deadlineMs: number, personaVersion: text,
    fetch: flag ? fetch : undefined, acceptIssuerKey: flag ? () => {} : undefined, permissiveIssuerKeys: on,
  });
  await relays.create({ claimType: "age_over18_germany", encryptionKeyPem: text, sandbox: on });
  await relays.issuePrivacyPass({ claimType: "age_over18_germany", sandbox: on, relayToken: undefined }, { record: store, idempotencySecret: text, allowedAgain: on, byItself: on });
  await relays.issuerKey({ claimType: "age_over18_germany", sandbox: on });
  await relays.generateClaim({ relayToken: "t", relaySecret: "s", privacyPassToken: text }, { record: store, byItself: on });
  const ledger = new RelayLedger({ apiKey: text, store: new MemoryStore(), idempotencySecret: text, retentionSeconds: number });
  await ledger.issuePrivacyPass({ relayToken: "t", relaySecret: "s", claimType: text, sandbox: on }, { allowedAgain: on });
  await ledger.issuePrivacyPass({ claimType: "c", idempotencyKey: "k", sandbox: on });
  await ledger.generateClaim({ relayToken: "t", relaySecret: "s", privacyPassToken: text });
  await ledger.reconcile({ minAgeSeconds: number, concurrency: number });
  new MemoryStore().record("name", { ttlSeconds: number });
  hostedFlowUrl("token", { theme: flag ? "dark" : undefined });
  await generateEncryptionKeyPair({ modulusLength: number });
}

/** An error for a test of one's own. */
export const notReady: PersonaError = new PersonaError({ statusCode: 403, title: "Not ready", code: "claim_not_ready", origin: "upstream", retryAfter: 5, cause: 1 });

export async function wholeFlow(store: RecordStore): Promise<Claim> {
  const { encryptionKeyPem, privateKeyPem } = await generateEncryptionKeyPair({ modulusLength: 3072 });
  const relay: Relay = await persona.relays.create({ claimType: "age_over18_germany", encryptionKeyPem, sandbox: true });
  await persona.relays.create({ claimType: "one that is new", encryptionKeyPem: null });
  const pass = await persona.relays.issuePrivacyPass({ claimType: "age_over18_germany" });
  is<Equal<typeof pass, { privacyPassToken: string }>>();
  const durable = await persona.relays.issuePrivacyPass({ relayToken: relay.relayToken, relaySecret: relay.relaySecret }, { record: store });
  is<Equal<typeof durable.replayed, boolean>>();
  const claim = await persona.relays.generateClaim({ ...relay, ...pass });
  is<Equal<typeof claim.tokenConsumed, boolean>>();
  return parseClaim(await decryptClaim(claim.claimPayload, privateKeyPem));
}

export async function issuerKeys(): Promise<void> {
  const picky = new Named({ ...options, permissiveIssuerKeys: false, acceptIssuerKey: async ({ keyHash, claimType }) => void [keyHash satisfies string, claimType satisfies string | undefined] });
  const seen = await picky.relays.issuerKey({ claimType: "age_over18_germany" });
  is<Equal<typeof seen.tokenKeyIdKind, "sha256" | "opaque" | "mismatch">>();
  // @ts-expect-error it is refused by throwing, not by an answer
  new Named({ acceptIssuerKey: () => false });
}

export async function withLedger(): Promise<void> {
  const store: LedgerStore = new MemoryStore();
  const sealer: Sealer = aesGcmSealer([{ id: "2026", key: new Uint8Array(32) }]);
  new SqliteStore({ exec() {}, prepare: () => ({ get() {}, run() {}, all: () => [] }) }, { seal: sealer });
  const ledger = new RelayLedger({ ...options, store });
  const { privacyPassToken, replayed } = await ledger.issuePrivacyPass({ claimType: "age_over18_france", idempotencyKey: "k" }, { allowedAgain: true });
  is<Equal<typeof replayed, boolean>>();
  await ledger.generateClaim({ relayToken: "t", relaySecret: "s", privacyPassToken });
  const { failures } = await ledger.reconcile({ minAgeSeconds: 60 });
  failures[0]?.error satisfies PersonaError | undefined;
  // @ts-expect-error a ledger needs a store
  new RelayLedger({ apiKey: "k" });
  // @ts-expect-error a purchase is for a relay or for a key, not for both
  await ledger.issuePrivacyPass({ relayToken: "t", relaySecret: "s", claimType: "c", idempotencyKey: "k" });
}

export function ownHttp(): string {
  const { pendingPass, blindedToken, keyId } = blindPrivacyPass({ challenge: "c", tokenKey: "k", tokenKeyId: "i" });
  blindPrivacyPass({ wwwAuthenticate: ["PrivateToken challenge=c"] });
  describePurchase("{}").state satisfies string;
  const code: ErrorCode = "parameter_invalid";
  try {
    return finalizePrivacyPass({ pendingPass, blindSig: "s" }).privacyPassToken + blindedToken + keyId;
  } catch (error) {
    if (error instanceof PersonaError && error.code === code && error.origin === "caller") return error.field ?? error.title;
    throw error;
  }
}

hostedFlowUrl("token", { theme: "auto" }) satisfies string;
// @ts-expect-error there is no such theme
hostedFlowUrl("token", { theme: "pink" });
// @ts-expect-error the claim type is missing
persona.relays.create({ encryptionKeyPem: null });
// @ts-expect-error a relay without its secret
persona.relays.issuePrivacyPass({ relayToken: "t" });
// @ts-expect-error either a claim type or a relay
persona.relays.issuePrivacyPass({ claimType: "c", relayToken: "t", relaySecret: "s" });
// @ts-expect-error the pass can be left out of durable calls only
persona.relays.generateClaim({ relayToken: "t", relaySecret: "s" });
// @ts-expect-error seconds are not an option
new Persona({ timeoutSeconds: 1 });
// @ts-expect-error nothing of it can be changed
persona.relays = persona.relays;
// @ts-expect-error an error is made of its members, not of a text
new PersonaError("x");
// @ts-expect-error or of nothing
new PersonaError();
// @ts-expect-error a status is a number
new PersonaError({ statusCode: "403", title: "Not ready", code: "claim_not_ready", origin: "upstream" });
// @ts-expect-error a code of somebody else's
const unknown: ErrorCode = "not_one_of_ours";
