/** Claims the vendor documents today. The set is open: any other string is sent as it is. */
export type ClaimType =
  | "live_human_presence"
  | "age_over18_united_kingdom"
  | "age_over18_germany"
  | "age_over18_france"
  | "age_over18_italy"
  | "age_over18_brazil"
  | "age_over18_australia"
  | "age_over16_australia"
  | "age_over18_verified"
  | "age_over21_verified"
  | (string & {});

/** What {@link Persona} is made with. */
export interface PersonaOptions {
  /**
   * The API key that pays for passes (`persona_sandbox_…` or `persona_production_…`). Needed by
   * `issuePrivacyPass` only, and sent by that call only: a process that creates and redeems can do without it.
   */
  apiKey?: string | undefined;
  /** Where the API is: `https:`, or `http:` on loopback. Default: `https://api.withpersona.com`. */
  baseUrl?: string | undefined;
  /** Time for one request, its answer read to the end, in milliseconds, 1 to 600000. Default: 10000. */
  timeoutMs?: number | undefined;
  /** Tries after the first, 0 to 10. Default: 3. They wait 100 ms, doubling, with jitter, or as long as `Retry-After` says. */
  maxRetries?: number | undefined;
  /** Time for a whole call with its retries, in milliseconds, 1 to 3600000. Default: 60000. */
  deadlineMs?: number | undefined;
  /**
   * `Persona-Version`, as `YYYY-MM-DD`. Sent with the purchase only: on the anonymous calls it would tell platforms
   * apart. Default: the version that the account is set to.
   */
  personaVersion?: string | undefined;
  /** Used instead of the runtime's `fetch`, called as `fetch(url, init)`. */
  fetch?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
  /**
   * Asked before each purchase, between the challenge and anything that is made for it: rejecting or throwing ends the call
   * with that error, and nothing is bought. A purchase that was sent before is gone on with, whatever its key. The time it
   * takes counts towards `deadlineMs`. Default: every key that passes the checks is accepted.
   */
  acceptIssuerKey?: ((key: OfferedIssuerKey) => void | Promise<void>) | undefined;
  /**
   * Buy although `token-key-id` is not the SHA-256 of the key that came with it (`issuer_key_mismatch`): the issuer may be
   * telling platforms apart. For an emergency, with a word to the vendor. Default: `false`.
   */
  permissiveIssuerKeys?: boolean | undefined;
}

/** An issuer key, as the upstream offered it. */
export interface OfferedIssuerKey {
  /** As the call has it; `undefined` when the pass is bought for one relay. */
  claimType?: ClaimType;
  sandbox?: boolean;
  /** SHA-256 of the key's DER SubjectPublicKeyInfo, 64 lower-case hexadecimal digits. Everybody should see the same one. */
  keyHash: string;
  /** What the upstream calls the key. It goes into the pass, so everybody should see the same one. */
  tokenKeyId: string;
  /**
   * `sha256`: `tokenKeyId` is `keyHash`, or says the same in base64url. `opaque`: it has no form that says something.
   * `mismatch`: it looks like a SHA-256 and is not this key's; with `permissiveIssuerKeys` only.
   */
  tokenKeyIdKind: "sha256" | "opaque" | "mismatch";
}

/** A relay: one question about one person. */
export interface Relay {
  /** Public identifier, `relay_…`. */
  relayToken: string;
  /** Shown here only. Keep it on the server. */
  relaySecret: string;
  /** A JWT for the person's browser, valid for about 30 minutes. See {@link hostedFlowUrl}. */
  relaySessionAccessToken: string;
}

export interface CreateRelayParams {
  claimType: ClaimType;
  /** RSA public key that the claim is encrypted to, PEM (SPKI), 2048 to 4096 bits; `null` for a claim in the clear. Default: `null`. */
  encryptionKeyPem?: string | null | undefined;
  /** Create it in the sandbox environment. Default: `true` when `apiKey` is a `persona_sandbox_…`, else `false`. */
  sandbox?: boolean | undefined;
}

/** Which pass to buy: by claim type (current), or for one relay (earlier documentation). */
export type IssuePrivacyPassParams =
  | { claimType: ClaimType; /** Default: as in {@link CreateRelayParams}. */ sandbox?: boolean | undefined; relayToken?: undefined; relaySecret?: undefined }
  | { relayToken: string; relaySecret: string; claimType?: undefined; sandbox?: undefined };

export interface PrivacyPass {
  /** Spend it once, within 90 days. */
  privacyPassToken: string;
}

export interface GenerateClaimParams {
  relayToken: string;
  relaySecret: string;
  privacyPassToken: string;
}

export interface GeneratedClaim {
  /** JSON, or base64 of its RSA-OAEP ciphertext when the relay has an encryption key. See {@link parseClaim}, {@link decryptClaim}. */
  claimPayload: string;
  /** `false`: the claim did not pass and the pass was handed back. */
  tokenConsumed: boolean;
}

/**
 * Where the state of one purchase or one redemption is kept: one text, with compare-and-set. The text is secret; seal it
 * where others can read. Stores over memory and SQLite: `relay-edge/stores`.
 */
export interface RecordStore {
  /** What was written last, and a version of it; `undefined` when nothing was. */
  read(): MaybePromise<{ text: string; version: unknown } | undefined>;
  /**
   * Makes the text durable, if `version` is still that of what is there (`undefined`: nothing is). Answers the new version,
   * which is neither `undefined` nor `null`; or `undefined` when somebody else was faster. When it never takes one, the call ends
   * with `store_failed` at its `deadlineMs`. How long one `read` or `write` takes is for the store to limit.
   */
  write(text: string, version: unknown): MaybePromise<unknown>;
}
type MaybePromise<T> = T | Promise<T>;

/** Makes a purchase durable: what is needed to repeat it is written before it leaves. */
export interface DurablePurchase {
  record: RecordStore;
  /**
   * A secret that says for what is bought, such as an HMAC of the relay token under a key of the deployment. The idempotency
   * key follows from it, so that even a lost record is not bought again while the upstream remembers. Default: a random key.
   */
  idempotencySecret?: string | undefined;
  /**
   * An operator's leave to buy once more when nobody knows whether the latest purchase was billed, or it was billed in vain.
   * Any other is not made again: `purchase_not_in_doubt`, or what has come of it. Default: `false`.
   */
  allowedAgain?: boolean | undefined;
  /**
   * Nobody asked: go on with what is in doubt, as an alarm does, and make no new attempt; when there is nothing to go on with,
   * `purchase_not_in_doubt`. Default: `false`.
   */
  byItself?: boolean | undefined;
}

/** Makes a redemption durable. */
export interface DurableRedemption {
  record: RecordStore;
  /** Nobody asked: go on with what is in doubt, as an alarm does, and make no new attempt. Default: `false`. */
  byItself?: boolean | undefined;
}

/** What may be seen of a record: no secret. Times are in Unix seconds. */
export interface RecordDescription {
  /** `none`, `sent`, `issued`, `rejected`, `unknown`, `unusable`; `ready`, `sent`, `redeemed`, `refunded`, `rejected`, `lost`. */
  state: string;
  attempt: number;
  since?: number;
  /** A send may have been executed of which nobody knows what came. */
  inDoubt: boolean;
  /** Call again by yourself, as nobody may come to ask. */
  unsettled: boolean;
  refusal?: { status: number; title?: string; details?: string; code?: string; requestId?: string };
}

/** Tells where a purchase stands, from its record's text. @throws PersonaError `record_invalid` */
export function describePurchase(text: string): RecordDescription;
/** Tells where a redemption stands, from its record's text. @throws PersonaError `record_invalid` */
export function describeRedemption(text: string): RecordDescription;

/** The three calls of a relay's life. */
export interface Relays {
  /** Makes a relay. Costs nothing. */
  create(params: CreateRelayParams): Promise<Relay>;
  /** Buys one pass. **Costs money each time it succeeds**; its retries repeat the same bytes under one `Idempotency-Key`. */
  issuePrivacyPass(params: IssuePrivacyPassParams): Promise<PrivacyPass>;
  /**
   * The same, at most once per record: calling again, from any process, goes on with what was begun or answers the pass that
   * was bought (`replayed`).
   */
  issuePrivacyPass(params: IssuePrivacyPassParams, durable: DurablePurchase): Promise<PrivacyPass & { replayed: boolean }>;
  /** Asks which issuer key is offered for a claim type, anonymously, as everybody is offered it. Costs nothing, buys nothing. */
  issuerKey(params: { claimType: ClaimType; /** Default: as in {@link CreateRelayParams}. */ sandbox?: boolean | undefined }): Promise<OfferedIssuerKey>;
  /**
   * Spends a pass on a relay and reads the claim, anonymously. The idempotency key follows from the relay and the pass, so
   * that calling again with the same two, from any process within 24 hours, reads the same claim and spends nothing.
   */
  generateClaim(params: GenerateClaimParams): Promise<GeneratedClaim>;
  /** The same, remembered: calling again answers the claim for as long as the record is kept. The pass can then be left out. */
  generateClaim(
    params: Omit<GenerateClaimParams, "privacyPassToken"> & { privacyPassToken?: string | undefined },
    durable: DurableRedemption,
  ): Promise<GeneratedClaim & { replayed: boolean }>;
}

/** The client. Holds no connection and no state: make one per process or one per request, as you like. */
export class Persona {
  /** @throws TypeError when an option has the wrong type or is out of range. */
  constructor(options?: PersonaOptions);
  /** Its calls need no `this`. In a test one of them may be replaced, by assignment or a mock. */
  readonly relays: Relays;
}
export default Persona;

export * from "./ledger.js";

/** Why a call failed. */
export class PersonaError extends Error {
  /** For tests that make one. The message is `title`, with `details` after it where there are any. */
  constructor(data: PersonaErrorData);
  readonly name: "PersonaError";
  /** The upstream's HTTP status; 400 for a bad parameter, 502 for a transport failure or a bad answer, 504 for a timeout, 500 for an internal fault. */
  readonly statusCode: number;
  /** A short sentence; the upstream's own, when it answered. */
  readonly title: string;
  readonly details?: string;
  /** Stable and machine-readable: the upstream's own `code` when it gave one, else one of {@link ErrorCode}. */
  readonly code: string;
  /** The upstream's own `meta`. */
  readonly meta?: Record<string, unknown>;
  /** Whose fault it is. */
  readonly origin: "caller" | "upstream" | "transport" | "internal";
  /** The parameter that is wrong, as it is spelled in the call. `details` starts with it. */
  readonly field?: string;
  /** The upstream's `Request-Id`. */
  readonly requestId?: string;
  /** Seconds to wait before another try, when the upstream said so. */
  readonly retryAfter?: number;
  /** What the runtime threw, for a transport failure. */
  readonly cause?: unknown;
}

/** The members of a {@link PersonaError}, as they are in it. */
export type PersonaErrorData = Omit<PersonaError, keyof Error> & { cause?: unknown };

/** The codes of this library. Never renamed, never reused. */
export type ErrorCode =
  // the caller's
  | "parameter_invalid" // 400: a parameter is missing or malformed; `field` names it
  | "api_key_missing" // 401: issuePrivacyPass without `apiKey`
  | "claim_invalid" // 400: the claim payload can't be read
  | "claim_decryption_failed" // 400: the private key doesn't open the claim payload
  | "private_key_invalid" // 400: the private key is no RSA key in PEM
  | "pending_pass_invalid" // 400: not a `pendingPass` of blindPrivacyPass
  | "purchase_not_in_doubt" // 409: `allowedAgain` or `byItself`, and nothing is in doubt; call without it
  // the upstream's, when its answer has no code of its own
  | "upstream_rejected" // 400, 422 and other 4xx
  | "upstream_unauthorized" // 401, and 403 on a purchase: the API key is wrong
  | "upstream_not_found" // 404: no such relay, or the relay secret is wrong
  | "pass_already_spent" // 409 on redemption
  | "upstream_conflict" // 409 elsewhere
  | "claim_not_ready" // 403 on redemption: the verification has not completed
  | "upstream_rate_limited" // 429, 425
  | "upstream_unavailable" // 5xx, 408
  | "upstream_redirected" // 3xx, never followed
  | "upstream_answer_invalid" // 502: a 2xx that does not parse
  | "challenge_invalid" // 502: the challenge fails a check
  | "challenge_expired" // 502: its `expires_at` is past
  | "issuer_key_invalid" // 502: the issuer key fails a check
  | "issuer_key_mismatch" // 502: `token-key-id` is not the SHA-256 of the issuer key
  | "blind_signature_invalid" // 502: billed, but the signature does not verify
  | "purchase_unknown" // 502: nobody can tell whether it was billed; not bought again by itself
  | "claim_lost" // 410: the pass was spent, and the claim is given to no key of ours
  // between us
  | "transport_failed" // 502
  | "timeout" // 504
  // ours, or the store's
  | "store_failed" // 503: the record could not be read or written; call again
  | "record_invalid" // 500: what the store holds is no record of ours
  | "internal"; // 500: a fault in this library; the next call works

export interface Claim {
  claimType: string;
  /** `true` only when `claimResult` is `"passed"`. */
  passed: boolean;
  claimResult: "passed" | "failed";
  /** How it was found out; empty when the payload does not say. */
  methodology: { method: string; result: string }[];
}

/** Reads a claim payload that is in the clear. @throws PersonaError `claim_invalid` */
export function parseClaim(claimPayload: string): Claim;

/**
 * Decrypts a claim payload (RSA-OAEP, SHA-1 as the vendor does it, then SHA-256) and answers its JSON text, for
 * {@link parseClaim}. Done by WebCrypto. Takes PKCS#8 (`BEGIN PRIVATE KEY`) and PKCS#1 (`BEGIN RSA PRIVATE KEY`).
 * @throws PersonaError `private_key_invalid`, `claim_decryption_failed`
 */
export function decryptClaim(claimPayload: string, privateKeyPem: string): Promise<string>;

/** A key pair for `create({ claimType, encryptionKeyPem })`. `modulusLength` in bits: 2048 to 4096, a multiple of 8; default 2048. */
export function generateEncryptionKeyPair(options?: { modulusLength?: number | undefined }): Promise<{ encryptionKeyPem: string; privateKeyPem: string }>;

/** The page that the person opens; open it without a referrer. */
export function hostedFlowUrl(relaySessionAccessToken: string, options?: { theme?: "light" | "dark" | "auto" | undefined }): string;

/** A challenge, as the JSON answer of `/relays/challenge` has it, or as the `WWW-Authenticate` headers of the 401 do. */
export type ChallengeInput =
  | { challenge: string; tokenKey: string; tokenKeyId: string; wwwAuthenticate?: undefined }
  | { wwwAuthenticate: string | string[] };

/**
 * For those who bring their own HTTP: checks a challenge and blinds a fresh token. Send `{"blinded-token": blindedToken, "key-id": keyId}`
 * to `/api/v1/privacy-passes`, and repeat exactly these under exactly one `Idempotency-Key` when the answer stays out.
 * `pendingPass` is secret: whoever has it can link the pass to its purchase. It is plain text; store it where you would store the pass.
 */
export function blindPrivacyPass(challenge: ChallengeInput): { blindedToken: string; keyId: string; pendingPass: string };

/** Unblinds and verifies what `/api/v1/privacy-passes` answered. @throws PersonaError `blind_signature_invalid`, `pending_pass_invalid` */
export function finalizePrivacyPass(input: { pendingPass: string; blindSig: string }): PrivacyPass;
