/** The SQLite database and the alarm of a Durable Object, as the home of a ledger object. */
import type { FlagName, Kept, LedgerHome, RecordRow, SubjectRow } from "./ledger_home.js";

export class DurableHome implements LedgerHome {
  readonly place: string;
  private readonly storage: DurableObjectStorage;
  private readonly sql: SqlStorage;
  /** Whether the tables are known to be there. */
  private prepared = false;

  constructor({ id, storage }: DurableObjectState) {
    this.place = id.toString();
    this.storage = storage;
    this.sql = storage.sql;
  }

  all(): Kept {
    // The last table that is made.
    this.prepared ||= this.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'flags'").toArray().length > 0;
    if (!this.prepared) return { subject: undefined, flags: [], records: [] };
    const select = <T extends Record<string, SqlStorageValue>>(columns: string, table: string) => this.sql.exec<T>(`SELECT ${columns} FROM ${table}`).toArray();
    return {
      subject: select<{ kind: "relay" | "key"; sealed: string }>("kind, sealed", "subject")[0],
      flags: select<{ name: FlagName; value: number }>("name, value", "flags"),
      records: select<StoredRecord>("*", "records").map(({ in_doubt, unsettled, written_at, ...row }) =>
        ({ ...row, inDoubt: in_doubt === 1, unsettled: unsettled === 1, writtenAt: written_at })),
    };
  }

  insertSubject({ kind, sealed }: SubjectRow): void {
    this.prepare();
    this.sql.exec("INSERT INTO subject (only, kind, sealed) VALUES (1, ?, ?)", kind, sealed);
  }

  setFlag(name: FlagName, value: number): void {
    this.prepare();
    this.sql.exec("INSERT INTO flags (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
  }

  writeRecord({ name, sealed, state, since, inDoubt, unsettled, writtenAt }: RecordRow, version: number | undefined): number | undefined {
    this.prepare();
    const columns = [sealed, state, since, inDoubt ? 1 : 0, unsettled ? 1 : 0, writtenAt];
    const written = version === undefined
      ? this.sql.exec<{ version: number }>(
        `INSERT INTO records (sealed, state, since, in_doubt, unsettled, written_at, name, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING RETURNING version`, ...columns, name)
      : this.sql.exec<{ version: number }>(
        `UPDATE records SET sealed = ?, state = ?, since = ?, in_doubt = ?, unsettled = ?, written_at = ?, version = version + 1
         WHERE name = ? AND version = ? RETURNING version`, ...columns, name, version);
    return written.toArray()[0]?.version;
  }

  /**
   * What is written without an await in between is one transaction, the alarm with it. What leaves the object waits for it
   * anyhow (the output gate), but the SDK is to know, before it sends anything, that what it needs to repeat it is durable;
   * and a write that failed must not look like one that was done.
   */
  async commit<T>(work: () => T, wakeAt: () => number): Promise<T> {
    const result = work();
    await Promise.all([this.storage.setAlarm(wakeAt()), this.storage.sync()]);
    return result;
  }

  async setAlarm(at: number): Promise<void> {
    await this.storage.setAlarm(at);
  }

  async wipe(): Promise<void> {
    const wiped = Promise.all([this.storage.deleteAlarm(), this.storage.deleteAll()]);
    this.prepared = false;
    await wiped;
    this.prepared = false; // whoever looked meanwhile may have seen tables that are gone by now
  }

  /** Before whatever writes: the tables are gone after {@link wipe}. */
  private prepare(): void {
    if (this.prepared) return;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS subject (only INTEGER PRIMARY KEY, kind TEXT NOT NULL, sealed TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS records (name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed TEXT NOT NULL, state TEXT NOT NULL,
        since INTEGER, in_doubt INTEGER NOT NULL, unsettled INTEGER NOT NULL, written_at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS flags (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;`);
    this.prepared = true;
  }
}

interface StoredRecord extends Record<string, SqlStorageValue> {
  name: string;
  version: number;
  sealed: string;
  state: string;
  since: number | null;
  in_doubt: number;
  unsettled: number;
  written_at: number;
}
