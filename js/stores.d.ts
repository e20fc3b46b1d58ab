import type { RecordStore } from "./index.js";

type MaybePromise<T> = T | Promise<T>;

/** Named records, each with compare-and-set: what {@link RelayLedger} keeps its books in, and durable calls their records. */
export interface LedgerStore {
  /** `ttlSeconds`: how long after its latest write the record may be deleted by {@link deleteExpired}. Default: it is kept. */
  record(name: string, options?: { ttlSeconds?: number | undefined }): RecordStore;
  /** The names of all records. */
  names(): MaybePromise<string[]>;
  /**
   * Deletes what is past its time, and answers how many that were. Nothing is deleted unless this is called: do it now and
   * then. Until it is deleted an expired record is read like any other.
   */
  deleteExpired(nowMs?: number): MaybePromise<number>;
}

/** Gone with the process: what was sent just before is not repeated but made anew. For tests and for trying things out. */
export class MemoryStore implements LedgerStore {
  record(name: string, options?: { ttlSeconds?: number | undefined }): RecordStore;
  names(): Promise<string[]>;
  deleteExpired(nowMs?: number): Promise<number>;
}

/** What {@link SqliteStore} uses of `DatabaseSync` (`node:sqlite` of Node >= 22.13 and Deno) and `Database` (`bun:sqlite`). */
export interface SqliteDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): {
    get(...values: any[]): any;
    run(...values: any[]): any;
    all(...values: any[]): any[];
  };
}

/**
 * Records in the table `relay_edge_records` of a SQLite database, made on first use.
 *
 * ```js
 * import { DatabaseSync } from "node:sqlite"; // or { Database } from "bun:sqlite"
 * const store = new SqliteStore(new DatabaseSync("relays.db"), { seal: aesGcmSealer([{ id: "2026", key }]) });
 * ```
 *
 * Several processes on one machine may have the file open. The database has to be a file on a local disk, and the handle
 * the store's own: it sets `journal_mode = WAL`, `synchronous = FULL`, `secure_delete` and `busy_timeout`, and refuses to
 * write within a transaction of somebody else's, where nothing would be durable. While another process holds the lock, it
 * tries again for 10 s.
 */
export class SqliteStore implements LedgerStore {
  constructor(db: SqliteDatabase, options?: { seal?: Sealer | undefined });
  record(name: string, options?: { ttlSeconds?: number | undefined }): RecordStore;
  names(): Promise<string[]>;
  deleteExpired(nowMs?: number): Promise<number>;
}

/** Seals texts, each bound to the name of its record. */
export interface Sealer {
  seal(name: string, text: string): MaybePromise<string>;
  /** @throws Error when it was altered, moved to another name, or sealed under a key that is not here. */
  open(name: string, sealed: string): MaybePromise<string>;
}

/**
 * Seals under AES-256-GCM with keys of 32 random bytes each: the first seals, all open. To rotate, put a new key before the
 * old ones, and take an old one away when no record is left that it sealed. The form is that of the gateway's `STORE_KEYS`.
 */
export function aesGcmSealer(keys: { id: string; key: Uint8Array }[]): {
  seal(name: string, text: string): Promise<string>;
  open(name: string, sealed: string): Promise<string>;
};
