/* @ts-self-types="./stores.d.ts" */
// Stores with compare-and-set, for the durable calls and for RelayLedger. See stores.d.ts.
//
// Versions grow by one from a random start, so that the version of a record that was deleted is not that of the record
// which took its name.
export { aesGcmSealer } from "./sealing.js";

export class MemoryStore {
  #records = new Map();

  record(name, { ttlSeconds } = {}) {
    check(name, ttlSeconds);
    return {
      read: async () => {
        const found = this.#records.get(name);
        return found && { text: found.text, version: found.version };
      },
      write: async (text, version) => {
        if (this.#records.get(name)?.version !== version) return undefined;
        const next = version === undefined ? firstVersion() : version + 1;
        this.#records.set(name, { text, version: next, expiresAt: expiry(ttlSeconds) });
        return next;
      },
    };
  }

  async names() {
    return [...this.#records.keys()].sort();
  }

  async deleteExpired(nowMs = Date.now()) {
    const expired = [...this.#records].filter(([, { expiresAt }]) => expiresAt !== null && expiresAt <= nowMs);
    for (const [name] of expired) this.#records.delete(name);
    return expired.length;
  }
}

/** How long SQLite itself waits for another process, and stops this one meanwhile; then comes a pause, and another try. */
const BUSY_TIMEOUT_MS = 50;
/** How long all of that may take. */
const BUSY_LIMIT_MS = 10_000;

// What is written is a blob: `node:sqlite` reads a text to its first NUL only. It makes NULL of an empty blob.
const SCHEMA = `CREATE TABLE IF NOT EXISTS relay_edge_records (
  name TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  content BLOB,
  expires_at INTEGER
)`;

export class SqliteStore {
  #db;
  #sealer;
  #statements;

  constructor(db, { seal } = {}) {
    if (typeof db?.exec !== "function" || typeof db.prepare !== "function") {
      throw new TypeError("db must be an open database of node:sqlite or bun:sqlite");
    }
    if (seal !== undefined && (typeof seal?.seal !== "function" || typeof seal.open !== "function")) {
      throw new TypeError("seal must be an object with `seal` and `open`, such as aesGcmSealer answers");
    }
    this.#db = db;
    this.#sealer = seal ?? { seal: (_, text) => text, open: (_, text) => text };
  }

  record(name, { ttlSeconds } = {}) {
    check(name, ttlSeconds);
    return {
      read: async () => {
        const row = await this.#perform(({ read }) => read.get(name));
        // Bun answers null.
        if (row === undefined || row === null) return undefined;
        const text = await this.#sealer.open(name, new TextDecoder("utf-8", { ignoreBOM: true }).decode(row.content ?? new Uint8Array()));
        return { text, version: Number(row.version) };
      },
      write: async (text, version) => {
        if (version !== undefined && !Number.isSafeInteger(version)) return undefined;
        const content = new TextEncoder().encode(await this.#sealer.seal(name, text));
        const next = version === undefined ? firstVersion() : version + 1;
        const expiresAt = expiry(ttlSeconds);
        // By `run`, which steps to the end and so tells if the commit fails; one row by `get` would not.
        const { changes } = await this.#perform(({ insert, update }) =>
          version === undefined ? insert.run(name, next, content, expiresAt) : update.run(next, content, expiresAt, name, version),
        );
        return Number(changes) === 1 ? next : undefined;
      },
    };
  }

  async names() {
    return (await this.#perform(({ names }) => names.all())).map(({ name }) => name);
  }

  async deleteExpired(nowMs = Date.now()) {
    return Number((await this.#perform(({ expire }) => expire.run(nowMs))).changes);
  }

  /** Does something with the database, again while another process keeps it busy. */
  async #perform(work) {
    const start = Date.now();
    for (let pause = 5; ; pause = Math.min(pause * 2, 200)) {
      try {
        // Within somebody's transaction a write is durable only when that one ends, and gone if it is rolled back.
        if (this.#db.isTransaction ?? this.#db.inTransaction) throw new Error("a transaction is open: give the store a database handle of its own");
        return work((this.#statements ??= prepare(this.#db)));
      } catch (error) {
        if (!isBusy(error) || Date.now() - start > BUSY_LIMIT_MS) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
    }
  }
}

function prepare(db) {
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  const { journal_mode: mode } = db.prepare("PRAGMA journal_mode = WAL").get();
  if (mode === "memory" || mode === "off") throw new Error("the database is in memory only: open a file, or take a MemoryStore");
  // A call leaves as soon as its record is written. With less than FULL a power cut takes back what was written in WAL
  // mode, and the call would be made a second time under another key. `fullfsync`: a Mac's fsync stops at the disk's cache.
  db.exec("PRAGMA synchronous = FULL");
  db.exec("PRAGMA fullfsync = ON");
  // A blinding secret that was erased is to be gone.
  db.exec("PRAGMA secure_delete = ON");
  db.exec(SCHEMA);
  return {
    read: db.prepare("SELECT version, content FROM relay_edge_records WHERE name = ?"),
    insert: db.prepare("INSERT INTO relay_edge_records (name, version, content, expires_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"),
    update: db.prepare("UPDATE relay_edge_records SET version = ?, content = ?, expires_at = ? WHERE name = ? AND version = ?"),
    names: db.prepare("SELECT name FROM relay_edge_records ORDER BY name"),
    expire: db.prepare("DELETE FROM relay_edge_records WHERE expires_at <= ?"),
  };
}

/** SQLITE_BUSY, as Node, Bun and Deno tell it. */
function isBusy(error) {
  return (error?.errcode & 0xff) === 5 || String(error?.code).startsWith("SQLITE_BUSY") || /^database is locked$/.test(error?.message);
}

/** From 1 to 2^48. */
function firstVersion() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high >>> 16) * 2 ** 32 + low + 1;
}

function expiry(ttlSeconds) {
  return ttlSeconds === undefined ? null : Date.now() + Math.ceil(ttlSeconds * 1000);
}

function check(name, ttlSeconds) {
  if (typeof name !== "string" || name === "" || name.includes("\0")) throw new TypeError("the name of a record must be a string, neither empty nor with a NUL in it");
  if (ttlSeconds !== undefined && !(Number.isFinite(ttlSeconds) && ttlSeconds > 0)) throw new TypeError("ttlSeconds must be a number above 0");
}
