/**
 * The stores that the contract is held against, by name, and stores that are broken on purpose: each breaks one promise,
 * and broken.test.mjs wants the cases that it fails. Runs under Node, Bun and Deno.
 */
import path from "node:path";

/** The module URL of the library, in `LIBRARY`. */
export const library = await import(process.env.LIBRARY);
const { MemoryStore, SqliteStore, aesGcmSealer } = await import(new URL("./stores.js", process.env.LIBRARY).href);
export { MemoryStore, SqliteStore, aesGcmSealer };

const Database = globalThis.Bun === undefined ? async () => (await import("node:sqlite")).DatabaseSync : async () => (await import("bun:sqlite")).Database;

/** Opens a database file, by the runtime's own means. */
export async function openDatabase(file) {
  return new (await Database())(file);
}

/** @typedef {{ store: import("../../../js/stores.js").LedgerStore, close: () => void }} Opened */

async function openSqlite(folder, options) {
  const db = await openDatabase(path.join(folder, "records.db"));
  return { store: new SqliteStore(db, options), close: () => db.close() };
}

/** By folder: what is opened twice in one process is the same. */
const memories = new Map();
async function openMemory(folder) {
  if (!memories.has(folder)) memories.set(folder, new MemoryStore());
  return { store: memories.get(folder), close() {} };
}

/** 32 bytes. */
export const key = (byte) => new Uint8Array(32).fill(byte);
export const OLD_KEY = { id: "old", key: key(1) };
export const NEW_KEY = { id: "new", key: key(2) };

/** Changes what `record` answers. */
const altered = ({ store, close }, change) => ({
  store: { record: (name, options) => change(store.record(name, options), name), names: () => store.names(), deleteExpired: (now) => store.deleteExpired(now) },
  close,
});

/**
 * @type {Record<string, { durable: boolean, sqlite?: boolean, sealed?: boolean, open: (folder: string) => Promise<Opened> }>}
 *   `durable`: what was written is there for another process
 */
export const kinds = {
  memory: { durable: false, open: openMemory },
  sqlite: { durable: true, sqlite: true, open: (folder) => openSqlite(folder) },
  "sqlite, sealed": { durable: true, sqlite: true, sealed: true, open: (folder) => openSqlite(folder, { seal: aesGcmSealer([OLD_KEY]) }) },

  "broken: nothing is compared": {
    durable: true,
    open: async (folder) =>
      altered(await openSqlite(folder), (record) => ({
        read: () => record.read(),
        async write(text) {
          for (;;) {
            const version = await record.write(text, (await record.read())?.version);
            if (version !== undefined) return version;
          }
        },
      })),
  },
  "broken: compared, then set": {
    durable: true,
    open: async (folder) =>
      altered(await openSqlite(folder), (record) => ({
        read: () => record.read(),
        async write(text, version) {
          if ((await record.read())?.version !== version) return undefined;
          await new Promise((resolve) => setTimeout(resolve, 1));
          return (await record.write(text, (await record.read())?.version)) ?? this.write(text, version);
        },
      })),
  },
  "broken: forgets when it is restarted": { durable: true, open: openMemory },
  "broken: answers before it is durable": {
    durable: true,
    open: async (folder) => {
      const ahead = new Map();
      return altered(await openSqlite(folder), (record, name) => ({
        read: async () => ahead.get(name) ?? record.read(),
        async write(text, version) {
          const stands = await this.read();
          if (stands?.version !== version) return undefined;
          const next = (version ?? 0) + 1;
          ahead.set(name, { text, version: next });
          const later = async () => record.write(text, (await record.read())?.version);
          setTimeout(() => later().catch(() => {}), 1000);
          return next;
        },
      }));
    },
  },
  "broken: versions begin at 1 again": {
    durable: false,
    async open() {
      const records = new Map();
      const store = {
        record: (name) => ({
          read: () => records.get(name),
          write(text, version) {
            if (records.get(name)?.version !== version) return undefined;
            records.set(name, { text, version: (version ?? 0) + 1 });
            return (version ?? 0) + 1;
          },
        }),
        names: () => [...records.keys()],
        deleteExpired() {
          const { size } = records;
          records.clear();
          return size;
        },
      };
      return { store, close() {} };
    },
  },
};
