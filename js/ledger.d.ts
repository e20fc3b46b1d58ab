import type { ClaimType, GeneratedClaim, PersonaError, PersonaOptions, PrivacyPass, RecordDescription } from "./index.js";
import type { LedgerStore } from "./stores.js";

export interface RelayLedgerOptions extends PersonaOptions {
  /** Where the books are kept: a `SqliteStore` or a `MemoryStore` of `relay-edge/stores`, or one of your own. */
  store: LedgerStore;
  /**
   * A secret of the deployment, 16 characters or more, from which the idempotency keys of purchases follow. It can be changed
   * at any time: what was begun keeps its key. Default: random keys.
   */
  idempotencySecret?: string | undefined;
  /** How long after its latest change a record may be deleted by the store's `deleteExpired`. Default: 90 days. */
  retentionSeconds?: number | undefined;
}

/**
 * What to buy a pass for, which is also what it is found by: a relay, or an idempotency key of yours. With `claimType` it is
 * bought by claim type (current), without as the earlier documentation has it.
 */
export type LedgerPurchase =
  | { relayToken: string; relaySecret: string; claimType?: ClaimType | undefined; /** Default: as `apiKey` says. */ sandbox?: boolean | undefined }
  | {
      claimType: ClaimType;
      /** Default: as `apiKey` says. */
      sandbox?: boolean | undefined;
      /** One per pass, as random as a UUID: whoever knows it is given the pass. */
      idempotencyKey: string;
      relayToken?: undefined;
      relaySecret?: undefined;
    };

/** What {@link RelayLedger.reconcile} came upon. */
export interface Reconciliation {
  /** Records in the store. */
  records: number;
  /** Those that were unsettled and are settled now. */
  driven: number;
  /** Those that were unsettled and could not be settled well. `purchase_unknown` and `claim_lost` are for a person to look at. */
  failures: { name: string; error: PersonaError }[];
}

/**
 * Buys at most one pass per relay and delivers each claim that was spent, whatever fails: calls are written down in a store
 * before they leave, and calling again goes on from there. The gateway does the same in its Durable Objects.
 *
 * ```js
 * const ledger = new RelayLedger({ apiKey, idempotencySecret, store: new SqliteStore(new DatabaseSync("relays.db")) });
 * setInterval(() => ledger.reconcile().then(report).catch(report), 60_000);
 *
 * await ledger.issuePrivacyPass({ relayToken, relaySecret, claimType });
 * const { claimPayload } = await ledger.generateClaim({ relayToken, relaySecret }); // with the pass bought above
 * ```
 *
 * The store holds relay secrets, passes and claims: seal it.
 */
export class RelayLedger {
  /** @throws TypeError when an option has the wrong type or is out of range. */
  constructor(options: RelayLedgerOptions);

  /**
   * Buys a pass, goes on buying it, or answers the one that was bought.
   *
   * `allowedAgain`: an operator's leave to buy once more when nobody knows whether the latest purchase was billed
   * (`purchase_unknown`), or when it was billed in vain (`blind_signature_invalid`). Default: `false`.
   */
  issuePrivacyPass(params: LedgerPurchase, options?: { allowedAgain?: boolean | undefined }): Promise<PrivacyPass & { replayed: boolean }>;

  /**
   * Reads the claim of a relay, goes on reading it, or answers the one that was read. The pass is the one that the relay's
   * redemption began with, else the one given here, else the one that was bought here for the relay. Where there is none, it is a
   * `parameter_invalid` of `privacyPassToken` whose `details` say how the purchase stands: don't buy another pass before.
   */
  generateClaim(params: {
    relayToken: string;
    relaySecret: string;
    privacyPassToken?: string | undefined;
  }): Promise<GeneratedClaim & { replayed: boolean }>;

  /** Tells where a relay's purchase and redemption stand, or the purchase of an idempotency key; sends nothing. */
  describe(
    which: { relayToken: string; relaySecret: string } | { idempotencyKey: string; relayToken?: undefined },
  ): Promise<{ purchase?: RecordDescription; redemption?: RecordDescription }>;

  /**
   * Goes on with whatever is unsettled, so that what was billed or spent while nobody waited is there when somebody comes
   * back. Call it at start and every minute or so; it reads every record. With several processes on one store,
   * `minAgeSeconds` keeps it away from what another is still at. Default: 0. `concurrency`: default 4.
   */
  reconcile(options?: { minAgeSeconds?: number | undefined; concurrency?: number | undefined }): Promise<Reconciliation>;
}
