/** What crosses between the Worker and the object that keeps books of issuer keys: plain data. */

/** The key that a purchase was offered. */
export interface OfferedKey {
  /** `null` when the pass is bought for a relay of which KV shows nothing. */
  readonly claimType: string | null;
  readonly sandbox: boolean;
  /** SHA-256 of the DER, 64 lower-case hexadecimal digits. */
  readonly keyHash: string;
  readonly tokenKeyId: string;
}

export type Verdict =
  | { readonly ok: true }
  /** `mend`: for the operator's log. `retryAfterS`: when asking again may be answered otherwise, if that is soon. */
  | { readonly ok: false; readonly mend: string; readonly retryAfterS?: number };

/** A key that was seen. Times are in Unix milliseconds. */
export interface Observation extends OfferedKey {
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** When a look saw it that named nobody, first and last; `null` when none did. */
  readonly anonymousFirst: number | null;
  readonly anonymousLast: number | null;
  /** When a purchase was last offered it; `null` when none was. */
  readonly purchaseLast: number | null;
}

export interface IssuerKeyBooks {
  /** Notes the key, takes a look if it is time for one, and judges. */
  judge(key: OfferedKey): Promise<Verdict>;
  list(): Promise<Observation[]>;
}
