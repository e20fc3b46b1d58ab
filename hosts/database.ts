/** The SQLite database of a gateway: its tables, how durable it is, and that one process has it alone. */

/** What is used of `DatabaseSync` (`node:sqlite`) and `Database` (`bun:sqlite`). */
export interface GatewayDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): Statement;
  close(): unknown;
}

export interface Statement {
  get(...values: any[]): any;
  run(...values: any[]): any;
  all(...values: any[]): any[];
}

/** A database that was made ready. */
export interface Db {
  /** A statement, prepared once. */
  sql(text: string): Statement;
  /** Does all of `work` or nothing. On disk when it answers. */
  transaction<T>(work: () => T): T;
}

export const WHAT_DATABASE = "an open DatabaseSync of node:sqlite, or Database of bun:sqlite";

/** Makes a database ready, or adds to the problems why it can't be, and their mend. */
export function openDatabase(database: GatewayDatabase, problems: string[]): Db | undefined {
  if (typeof database?.exec !== "function" || typeof database.prepare !== "function" || typeof database.close !== "function") {
    problems.push(`database must be ${WHAT_DATABASE}`);
    return undefined;
  }
  if (taken.has(database)) {
    problems.push("database has a gateway already: open a file of its own for this one");
    return undefined;
  }
  let file = "";
  try {
    file = String(database.prepare("PRAGMA database_list").get().file ?? "");
    if (file === "") throw new Mend("is in memory, and what it knows would be gone with the process: open a file");
    lock(database);
    makeTables(database);
  } catch (error) {
    problems.push(["database", ...(file === "" ? [] : [file]), mendOf(error)].join(" "));
    return undefined;
  }
  taken.add(database);
  return ready(database);
}

/** Two gateways on one handle would be as two processes on one file. */
const taken = new WeakSet<GatewayDatabase>();

/** How long a start waits for the process before it to end. */
const LOCK_WAIT_MS = 1_000;

/** Of the tables below. A release that changes them counts on. */
const SCHEMA_VERSION = 2;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS gateway_entries (name TEXT PRIMARY KEY, value TEXT NOT NULL, expires_at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS gateway_entries_expire ON gateway_entries (expires_at);
  CREATE TABLE IF NOT EXISTS gateway_subjects (object TEXT PRIMARY KEY, kind TEXT NOT NULL, sealed TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS gateway_records (object TEXT NOT NULL, name TEXT NOT NULL, version INTEGER NOT NULL, sealed TEXT NOT NULL,
    state TEXT NOT NULL, since INTEGER, in_doubt INTEGER NOT NULL, unsettled INTEGER NOT NULL, written_at INTEGER NOT NULL, PRIMARY KEY (object, name));
  CREATE TABLE IF NOT EXISTS gateway_flags (object TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (object, name));
  CREATE TABLE IF NOT EXISTS gateway_alarms (object TEXT PRIMARY KEY, at INTEGER NOT NULL);
  CREATE INDEX IF NOT EXISTS gateway_alarms_at ON gateway_alarms (at);
  CREATE TABLE IF NOT EXISTS gateway_slots (day INTEGER NOT NULL, caller TEXT NOT NULL, slot TEXT NOT NULL, PRIMARY KEY (day, caller, slot)) WITHOUT ROWID;
  PRAGMA user_version = ${SCHEMA_VERSION};`;

/** What is wrong with a database and how to mend it, as the rest of a sentence. */
class Mend extends Error {}

/**
 * Two processes would each have an object of the same relay. The lock is the operating system's, on the file itself: it goes
 * when the process does, however that ends.
 */
function lock(database: GatewayDatabase): void {
  database.exec(`PRAGMA busy_timeout = ${LOCK_WAIT_MS}`);
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  if (database.prepare("PRAGMA journal_mode = WAL").get().journal_mode !== "wal") {
    throw new Mend("can't be written ahead (journal_mode WAL): put it on a local disk");
  }
  // A call to Persona leaves as soon as what is needed to repeat it is written. With less than FULL a power cut takes back
  // what was written in WAL mode. `fullfsync`: a Mac's fsync stops at the disk's cache.
  database.exec("PRAGMA synchronous = FULL");
  database.exec("PRAGMA fullfsync = ON");
  // What was erased is to be gone.
  database.exec("PRAGMA secure_delete = ON");
}

function makeTables(database: GatewayDatabase): void {
  database.exec("BEGIN IMMEDIATE"); // takes the lock, if it was not taken yet
  try {
    const { user_version: version } = database.prepare("PRAGMA user_version").get();
    if (Number(version) > SCHEMA_VERSION) throw new Mend("was written by a newer release: run that one");
    database.exec(SCHEMA);
    database.exec("COMMIT");
  } catch (error) {
    database.exec("ROLLBACK");
    throw error;
  }
}

function mendOf(error: unknown): string {
  if (error instanceof Mend) return error.message;
  const { errcode, code, message } = error as { errcode?: number; code?: string; message?: string };
  const busy = ((errcode ?? 0) & 0xff) === 5 || String(code).startsWith("SQLITE_BUSY") || /database is locked/.test(String(message));
  if (busy) return "is in use by another process: one gateway serves one file; stop the other, or give this one a file of its own";
  return `can't be used (${message}): check that it is a SQLite file that this process may write, on a local disk`;
}

function ready(database: GatewayDatabase): Db {
  const statements = new Map<string, Statement>();
  const sql = (text: string) => {
    let statement = statements.get(text);
    if (statement === undefined) statements.set(text, (statement = database.prepare(text)));
    return statement;
  };
  return {
    sql,
    transaction(work) {
      sql("BEGIN IMMEDIATE").run();
      let result;
      try {
        result = work();
        sql("COMMIT").run();
      } catch (error) {
        try {
          sql("ROLLBACK").run();
        } catch {
          // SQLite has done it by itself, as it does when the disk is full.
        }
        throw error;
      }
      return result;
    },
  };
}
