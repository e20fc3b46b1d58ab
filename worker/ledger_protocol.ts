/**
 * What crosses between the Worker and a ledger object: plain data, for the class of a thrown error does not survive the way.
 * The Worker that asks and the object that answers may be of two releases while one is rolled out.
 */

/** Why a call of the SDK failed: the members of a `PersonaError` that are plain data. */
export interface Failure {
  readonly statusCode: number;
  readonly title: string;
  readonly details?: string;
  readonly code: string;
  readonly meta?: Record<string, unknown>;
  readonly origin: "caller" | "upstream" | "transport" | "internal";
  readonly field?: string;
  readonly requestId?: string;
  readonly retryAfter?: number;
}

/** Why an object did not do what it was asked to, by itself. */
export type Refusal =
  | { readonly why: "foreign" } // another caller's
  | { readonly why: "moved" } // named under an older key; it has promised not to start
  | { readonly why: "reused" } // the same Idempotency-Key, another body
  | { readonly why: "busy" } // another request with the same Idempotency-Key is in flight
  | { readonly why: "no-pass" } // nothing to redeem
  | { readonly why: "nothing-to-allow"; readonly state: string }
  | { readonly why: "over-limit"; readonly retryAfterS: number } // the caller's purchases of the day are used up
  | { readonly why: "not-counted" } // whether they are, can't be told now
  | { readonly why: "issuer-key"; readonly mend: string; readonly retryAfterS?: number } // nothing was bought under it
  | { readonly why: "unreachable" } // another object
  | { readonly why: "unreadable" } // what is stored can't be opened
  | { readonly why: "misconfigured"; readonly problems: readonly string[] }
  | { readonly why: "fault"; readonly fault: string }; // ours

export type Outcome<T> =
  | { readonly ok: true; readonly value: T; readonly replayed: boolean }
  | { readonly ok: false; readonly failure: Failure }
  | { readonly ok: false; readonly refusal: Refusal };

/** What an object is for, and whose. Sealed in the object, so that an alarm can go on by itself. */
export type Subject = RelaySubject | KeyedSubject;

/** The pass and the claim of one relay. */
export interface RelaySubject {
  readonly kind: "relay";
  readonly callerId: string;
  readonly relayToken: string;
  readonly relaySecret: string;
  /** `null` when KV did not show the relay: a pass is then bought by relay. */
  readonly claimType: string | null;
  readonly sandbox: boolean | null;
  /** RFC 3339; `null` when KV did not show the relay. */
  readonly createdAt: string | null;
}

/** One request that came with an `Idempotency-Key`. */
export interface KeyedSubject {
  readonly kind: "key";
  readonly callerId: string;
  readonly idempotencyKey: string;
  /** SHA-256 of what was asked for. */
  readonly fingerprint: string;
  readonly claimType: string;
  readonly sandbox: boolean;
  /** Start although the object was told that another has the key: see `startKeyed`. Not part of what is kept. */
  readonly evenIfMoved?: boolean;
}

/** A relay that was made for a request with an `Idempotency-Key`. */
export interface MadeRelay {
  readonly relayToken: string;
  readonly relaySecret: string;
  readonly relaySessionAccessToken: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** Where a purchase or a redemption stands; `describePurchase` of the SDK. Times are in Unix seconds. */
export interface Standing {
  readonly state: string;
  readonly attempt: number;
  readonly since?: number;
  readonly inDoubt: boolean;
  readonly unsettled: boolean;
  readonly refusal?: {
    readonly status: number;
    readonly title: string | null;
    readonly details: string | null;
    readonly code: string | null;
    readonly requestId: string | null;
  };
}

export interface View {
  /** `undefined` when nothing was done about the relay here. */
  readonly subject: RelaySubject | undefined;
  readonly purchase: Standing | undefined;
  readonly redemption: Standing | undefined;
}

/** The calls that an object takes. */
export interface Ledger {
  /** The pass: bought, or gone on with, or as it was bought. `allowAgain`: an operator's leave, see {@link Refusal}. */
  buy(subject: Subject, options: { readonly allowAgain: boolean }): Promise<Outcome<{ privacyPassToken: string }>>;
  /** The claim, of the caller's pass or of the one that was bought here. */
  redeem(subject: RelaySubject, privacyPassToken: string | null): Promise<Outcome<{ claimPayload: string; tokenConsumed: boolean }>>;
  /** A relay, made once. */
  create(subject: KeyedSubject, encryptionKeyPem: string | null): Promise<Outcome<MadeRelay>>;
  /** Changes nothing. */
  view(callerId: string): Promise<Outcome<View>>;
  /** Whether the object has started. If not, it never will. */
  hasStarted(): Promise<boolean>;
}
