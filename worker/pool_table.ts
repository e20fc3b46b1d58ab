/**
 * The rows of the passes bought ahead, in a SQLite database: of a Durable Object, or of a host, where `place` tells those of one
 * upstream from those of another. A row is a *slot*: one purchase, and the pass that came of it. Its record is sealed; in the
 * clear are the claim type, states, times, and who took it, which is the name of a ledger object.
 *
 * Every method is one step to everybody else. What has to be on disk goes through {@link PoolHome.commit}.
 */
import type { Query } from "./issuer_keys_table.js";
import type { Standing } from "./ledger_protocol.js";
import type { LastTopUp, Shelf } from "./pool_protocol.js";

/** Where the rows live. */
export interface PoolHome {
  /** Tells the object from all others. What it seals is bound to it. Without line breaks. */
  readonly place: string;
  readonly query: Query;
  /** Does all of `work` at once, or nothing. On disk when it answers. */
  commit<T>(work: () => T): Promise<T>;
}

const DAY = 24 * 60 * 60_000;

/** So old, a pass is not given to anybody any more: it lives for 90 days, and a redemption may take its time. */
export const THROW_AWAY_MS = 80 * DAY;

/** So old, a pass is good for nothing (docs/protocol.md). */
const DEAD_MS = 90 * DAY;

/** For so long a taker is answered the same. Shorter than a ledger object lives that may ask again (ledger_schedule.ts). */
const REMEMBERED_MS = DAY;

/** After a purchase that may have been billed for nothing, its shelf buys nothing for so long. */
const DOUBT_MS = DAY;

/** A purchase that a top-up goes on with. */
export interface Slot extends Shelf {
  readonly slot: string;
  readonly state: string;
}

export class PoolTable {
  private readonly place: string;
  private readonly query: Query;

  constructor({ place, query }: PoolHome) {
    this.place = place;
    this.query = query;
    // One slot has one taker; the index sees to it that a taker has one slot.
    this.rows(`CREATE TABLE IF NOT EXISTS gateway_pool_slots (place TEXT NOT NULL, slot TEXT NOT NULL, claim_type TEXT NOT NULL, sandbox INTEGER NOT NULL,
      version INTEGER NOT NULL, sealed TEXT NOT NULL, state TEXT NOT NULL, since INTEGER NOT NULL, made_at INTEGER NOT NULL, written_at INTEGER NOT NULL,
      taker TEXT, taken_at INTEGER, collected_at INTEGER, PRIMARY KEY (place, slot))`);
    this.rows("CREATE UNIQUE INDEX IF NOT EXISTS gateway_pool_takers ON gateway_pool_slots (place, taker)");
    this.rows("CREATE INDEX IF NOT EXISTS gateway_pool_oldest ON gateway_pool_slots (place, claim_type, sandbox, state, since)");
    this.rows("CREATE TABLE IF NOT EXISTS gateway_pool_misses (place TEXT NOT NULL, taker TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (place, taker))");
    this.rows(`CREATE TABLE IF NOT EXISTS gateway_pool_runs (place TEXT NOT NULL, claim_type TEXT NOT NULL, sandbox INTEGER NOT NULL, at INTEGER NOT NULL,
      bought INTEGER NOT NULL, thrown_away INTEGER NOT NULL, code TEXT, PRIMARY KEY (place, claim_type, sandbox))`);
  }

  record(slot: string): { readonly version: number; readonly sealed: string } | undefined {
    return (this.rows("SELECT version, sealed FROM gateway_pool_slots WHERE place = ? AND slot = ?", this.place, slot) as StoredRecord[])[0];
  }

  /** Writes a record if it still has that version; `undefined`: if there is none. Answers the version that it then has. */
  writeRecord({ slot, claimType, sandbox }: Omit<Slot, "state">, sealed: string, { state, since }: Standing, version: number | undefined, now: number): number | undefined {
    const at = since === undefined ? now : Math.round(since * 1000);
    const written = version === undefined
      ? this.rows(
        `INSERT INTO gateway_pool_slots (place, slot, claim_type, sandbox, version, sealed, state, since, made_at, written_at)
         VALUES (?, ?, ?, ?, 1, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING version`, this.place, slot, claimType, sandbox ? 1 : 0, sealed, state, at, now, now)
      : this.rows(
        `UPDATE gateway_pool_slots SET version = version + 1, sealed = ?, state = ?, since = ?, written_at = ?
         WHERE place = ? AND slot = ? AND version = ? RETURNING version`, sealed, state, at, now, this.place, slot, version);
    return (written as StoredRecord[])[0]?.version;
  }

  /** What a taker was answered: a slot, or `null` for none; `undefined` when they were not, or it is over. */
  answered(taker: string, now: number): string | null | undefined {
    const [had] = this.rows(
      "SELECT slot FROM gateway_pool_slots WHERE place = ? AND taker = ? AND since > ? AND coalesce(collected_at, ?) > ?",
      this.place, taker, now - DEAD_MS, now, now - REMEMBERED_MS) as { slot: string }[];
    if (had !== undefined) return had.slot;
    const missed = this.rows("SELECT 1 FROM gateway_pool_misses WHERE place = ? AND taker = ? AND at > ?", this.place, taker, now - REMEMBERED_MS);
    return missed.length > 0 ? null : undefined;
  }

  /** The slot whose pass is to be taken next: first in, first out. `skip`: so many of the oldest are passed over. */
  oldest({ claimType, sandbox }: Shelf, now: number, skip: number): string | undefined {
    const found = this.rows(
      `SELECT slot FROM gateway_pool_slots WHERE place = ? AND claim_type = ? AND sandbox = ? AND state = 'issued' AND since > ? AND taker IS NULL
       ORDER BY since, made_at, slot LIMIT 1 OFFSET ?`, this.place, claimType, sandbox ? 1 : 0, now - THROW_AWAY_MS, skip) as { slot: string }[];
    return found[0]?.slot;
  }

  /** The passes of a shelf that may be taken, the oldest first: when each was bought, and the beginning of what is sealed. */
  ready({ claimType, sandbox }: Shelf, now: number): { readonly since: number; readonly sealed: string }[] {
    return this.rows(
      `SELECT since, substr(sealed, 1, 80) AS sealed FROM gateway_pool_slots
       WHERE place = ? AND claim_type = ? AND sandbox = ? AND state = 'issued' AND since > ? AND taker IS NULL ORDER BY since`,
      this.place, claimType, sandbox ? 1 : 0, now - THROW_AWAY_MS) as { since: number; sealed: string }[];
  }

  /** Binds a slot, or none, to a taker. Answers whether it did: somebody may have been faster. To be done in a commit. */
  bind(taker: string, slot: string | null, now: number): boolean {
    if (this.answered(taker, now) !== undefined) return false;
    // What is over has to make room.
    this.rows("DELETE FROM gateway_pool_slots WHERE place = ? AND taker = ?", this.place, taker);
    if (slot === null) {
      this.rows("INSERT INTO gateway_pool_misses (place, taker, at) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at", this.place, taker, now);
      return true;
    }
    const bound = this.rows(
      "UPDATE gateway_pool_slots SET taker = ?, taken_at = ? WHERE place = ? AND slot = ? AND state = 'issued' AND taker IS NULL RETURNING slot",
      taker, now, this.place, slot);
    return bound.length > 0;
  }

  collected(taker: string, now: number): void {
    this.rows("UPDATE gateway_pool_slots SET collected_at = coalesce(collected_at, ?) WHERE place = ? AND taker = ?", now, this.place, taker);
  }

  /** The purchases that have not ended, the oldest first. */
  unfinished({ claimType, sandbox }: Shelf): Slot[] {
    const found = this.rows(
      `SELECT slot, state FROM gateway_pool_slots WHERE place = ? AND claim_type = ? AND sandbox = ? AND state NOT IN ('issued', 'unusable') ORDER BY made_at, slot`,
      this.place, claimType, sandbox ? 1 : 0) as { slot: string; state: string }[];
    return found.map((row) => ({ ...row, claimType, sandbox }));
  }

  /** How many places of a shelf are taken, and whether money may have been lost on it a short while ago. */
  fill({ claimType, sandbox }: Shelf, now: number): { readonly filled: number; readonly doubtful: boolean } {
    const [row] = this.rows(
      `SELECT count(*) AS filled, coalesce(sum(state IN ('sent', 'unknown', 'unusable') AND written_at > ?), 0) AS doubtful
       FROM gateway_pool_slots WHERE place = ? AND claim_type = ? AND sandbox = ? AND taker IS NULL`,
      now - DOUBT_MS, this.place, claimType, sandbox ? 1 : 0) as { filled: number; doubtful: number }[];
    return { filled: row?.filled ?? 0, doubtful: (row?.doubtful ?? 0) > 0 };
  }

  /** Deletes what is over. Answers what was thrown away of which somebody might have made something. To be done in a commit. */
  sweep(now: number): (Shelf & { readonly count: number })[] {
    const old = this.rows(
      `DELETE FROM gateway_pool_slots WHERE place = ? AND ((taker IS NULL AND since <= ?) OR (collected_at IS NULL AND since <= ?)) RETURNING claim_type, sandbox`,
      this.place, now - THROW_AWAY_MS, now - DEAD_MS) as StoredShelf[];
    this.rows("DELETE FROM gateway_pool_slots WHERE place = ? AND collected_at <= ?", this.place, now - REMEMBERED_MS);
    this.rows("DELETE FROM gateway_pool_misses WHERE place = ? AND at <= ?", this.place, now - REMEMBERED_MS);
    const counts = new Map<string, Shelf & { count: number }>();
    for (const row of old) {
      const name = `${row.sandbox} ${row.claim_type}`;
      counts.set(name, { ...shelfOf(row), count: (counts.get(name)?.count ?? 0) + 1 });
    }
    return [...counts.values()];
  }

  /** The shelves of which there is anything. */
  shelves(): Shelf[] {
    const found = this.rows("SELECT DISTINCT claim_type, sandbox FROM gateway_pool_slots WHERE place = ? ORDER BY claim_type, sandbox", this.place) as StoredShelf[];
    return found.map(shelfOf);
  }

  /** How many purchases have not ended, how many are in doubt, and how many passes were taken and not collected. */
  count({ claimType, sandbox }: Shelf): { readonly buying: number; readonly inDoubt: number; readonly bound: number } {
    const [row] = this.rows(
      `SELECT coalesce(sum(state IN ('none', 'sent', 'rejected')), 0) AS buying, coalesce(sum(state IN ('unknown', 'unusable')), 0) AS in_doubt,
         coalesce(sum(taker IS NOT NULL AND collected_at IS NULL), 0) AS bound
       FROM gateway_pool_slots WHERE place = ? AND claim_type = ? AND sandbox = ?`, this.place, claimType, sandbox ? 1 : 0) as { buying: number; in_doubt: number; bound: number }[];
    return { buying: row?.buying ?? 0, inDoubt: row?.in_doubt ?? 0, bound: row?.bound ?? 0 };
  }

  noteTopUp({ claimType, sandbox }: Shelf, { at, bought, thrownAway, code }: LastTopUp): void {
    this.rows(
      `INSERT INTO gateway_pool_runs (place, claim_type, sandbox, at, bought, thrown_away, code) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET at = excluded.at, bought = excluded.bought, thrown_away = excluded.thrown_away, code = excluded.code`,
      this.place, claimType, sandbox ? 1 : 0, at, bought, thrownAway, code);
  }

  lastTopUp({ claimType, sandbox }: Shelf): LastTopUp | null {
    const [row] = this.rows("SELECT at, bought, thrown_away, code FROM gateway_pool_runs WHERE place = ? AND claim_type = ? AND sandbox = ?", this.place, claimType, sandbox ? 1 : 0) as StoredRun[];
    return row === undefined ? null : { at: row.at, bought: row.bought, thrownAway: row.thrown_away, code: row.code };
  }

  private rows(statement: string, ...values: (string | number | null)[]): unknown[] {
    return [...this.query(statement, ...values)];
  }
}

interface StoredRecord {
  readonly version: number;
  readonly sealed: string;
}

interface StoredShelf {
  readonly claim_type: string;
  readonly sandbox: number;
}

interface StoredRun {
  readonly at: number;
  readonly bought: number;
  readonly thrown_away: number;
  readonly code: string | null;
}

function shelfOf({ claim_type, sandbox }: StoredShelf): Shelf {
  return { claimType: claim_type, sandbox: sandbox === 1 };
}
