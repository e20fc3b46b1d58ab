/**
 * The books of issuer keys, in a SQLite database: of a Durable Object, or of a host, where `place` tells those of one upstream
 * from those of another. Nothing in them is secret.
 */
import type { Observation, OfferedKey } from "./issuer_keys_protocol.js";

/** Runs a statement, and answers its rows. */
export type Query = (statement: string, ...values: (string | number | null)[]) => Iterable<unknown>;

/** Of one claim type and environment. What purchases alone have seen goes first. */
const KEPT_KEYS = 100;

/** Being seen again is written down so often. */
const AGAIN_MS = 60_000;

/** How the claim type is written that is not known. No claim type is empty. */
const UNKNOWN = "";

export class IssuerKeysTable {
  constructor(private readonly query: Query, private readonly place: string) {
    this.rows(`CREATE TABLE IF NOT EXISTS gateway_issuer_keys (place TEXT NOT NULL, claim_type TEXT NOT NULL, sandbox INTEGER NOT NULL, key_hash TEXT NOT NULL,
      key_id TEXT NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, anonymous_first INTEGER, anonymous_last INTEGER,
      purchase_last INTEGER, PRIMARY KEY (place, claim_type, sandbox, key_hash, key_id))`);
    this.rows(`CREATE TABLE IF NOT EXISTS gateway_issuer_key_looks (place TEXT NOT NULL, claim_type TEXT NOT NULL, sandbox INTEGER NOT NULL, next_at INTEGER NOT NULL,
      PRIMARY KEY (place, claim_type, sandbox))`);
  }

  list(): Observation[] {
    const found = this.rows("SELECT * FROM gateway_issuer_keys WHERE place = ? ORDER BY claim_type, sandbox, first_seen", this.place) as StoredKey[];
    return found.map((row) => ({
      claimType: row.claim_type === UNKNOWN ? null : row.claim_type,
      sandbox: row.sandbox === 1,
      keyHash: row.key_hash,
      tokenKeyId: row.key_id,
      firstSeen: row.first_seen,
      lastSeen: row.last_seen,
      anonymousFirst: row.anonymous_first,
      anonymousLast: row.anonymous_last,
      purchaseLast: row.purchase_last,
    }));
  }

  /** Notes that a key was seen. */
  saw(key: OfferedKey, by: "look" | "purchase", now: number): void {
    const slot = this.slotOf(key);
    const look = by === "look" ? now : null;
    const purchase = by === "purchase" ? now : null;
    const known = this.rows(
      "SELECT anonymous_last, purchase_last FROM gateway_issuer_keys WHERE place = ? AND claim_type = ? AND sandbox = ? AND key_hash = ? AND key_id = ?",
      ...slot, key.keyHash, key.tokenKeyId) as StoredSight[];
    const last = by === "look" ? known[0]?.anonymous_last : known[0]?.purchase_last;
    if (last !== undefined && last !== null && now - last < AGAIN_MS) return;
    this.rows(
      `INSERT INTO gateway_issuer_keys (place, claim_type, sandbox, key_hash, key_id, first_seen, last_seen, anonymous_first, anonymous_last, purchase_last)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET last_seen = excluded.last_seen, anonymous_first = coalesce(anonymous_first, excluded.anonymous_first),
         anonymous_last = coalesce(excluded.anonymous_last, anonymous_last), purchase_last = coalesce(excluded.purchase_last, purchase_last)`,
      ...slot, key.keyHash, key.tokenKeyId, now, now, look, look, purchase);
    if (known.length > 0) return;
    this.rows(
      `DELETE FROM gateway_issuer_keys WHERE place = ? AND claim_type = ? AND sandbox = ? AND rowid NOT IN (SELECT rowid FROM gateway_issuer_keys
       WHERE place = ? AND claim_type = ? AND sandbox = ? ORDER BY anonymous_last IS NULL, last_seen DESC LIMIT ${KEPT_KEYS})`,
      ...slot, ...slot);
  }

  /** When the next look may be taken; 0 when there was none. */
  nextLookAt(key: Slot): number {
    const [row] = this.rows("SELECT next_at FROM gateway_issuer_key_looks WHERE place = ? AND claim_type = ? AND sandbox = ?", ...this.slotOf(key)) as { next_at: number }[];
    return row?.next_at ?? 0;
  }

  setNextLookAt(key: Slot, at: number): void {
    this.rows(
      "INSERT INTO gateway_issuer_key_looks (place, claim_type, sandbox, next_at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET next_at = excluded.next_at",
      ...this.slotOf(key), at);
  }

  private slotOf({ claimType, sandbox }: Slot): [string, string, number] {
    return [this.place, claimType ?? UNKNOWN, sandbox ? 1 : 0];
  }

  private rows(statement: string, ...values: (string | number | null)[]): unknown[] {
    return [...this.query(statement, ...values)];
  }
}

type Slot = Pick<OfferedKey, "claimType" | "sandbox">;

interface StoredSight {
  readonly anonymous_last: number | null;
  readonly purchase_last: number | null;
}

interface StoredKey extends StoredSight {
  readonly claim_type: string;
  readonly sandbox: number;
  readonly key_hash: string;
  readonly key_id: string;
  readonly first_seen: number;
  readonly last_seen: number;
  readonly anonymous_first: number | null;
}
