/** The SQLite database and the alarm of a Durable Object, as the home of a ledger object. */
import type { FlagName, LedgerHome, RecordRow } from "./ledger_home.js";
import type { Row } from "./ledger_schedule.js";

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

  subject() {
    return this.select<{ kind: "relay" | "key"; sealed: string }>("SELECT kind, sealed FROM subject")[0];
  }

  insertSubject(kind: "relay" | "key", sealed: string): void {
    this.prepare();
    this.sql.exec("INSERT INTO subject (only, kind, sealed) VALUES (1, ?, ?) ON CONFLICT DO NOTHING", kind, sealed);
  }

  flag(name: FlagName): number | undefined {
    return this.select<{ value: number }>("SELECT value FROM flags WHERE name = ?", name)[0]?.value;
  }

  setFlag(name: FlagName, value: number): void {
    this.prepare();
    this.sql.exec("INSERT INTO flags (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
  }

  record(name: string) {
    return this.select<{ version: number; sealed: string }>("SELECT version, sealed FROM records WHERE name = ?", name)[0];
  }

  writeRecord({ name, sealed, state, since, inDoubt, unsettled }: RecordRow, version: number | undefined): number | undefined {
    this.prepare();
    const columns = [sealed, state, since, inDoubt ? 1 : 0, unsettled ? 1 : 0, Date.now()];
    const written = version === undefined
      ? this.sql.exec<{ version: number }>(
        `INSERT INTO records (sealed, state, since, in_doubt, unsettled, written_at, name, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING RETURNING version`, ...columns, name)
      : this.sql.exec<{ version: number }>(
        `UPDATE records SET sealed = ?, state = ?, since = ?, in_doubt = ?, unsettled = ?, written_at = ?, version = version + 1
         WHERE name = ? AND version = ? RETURNING version`, ...columns, name, version);
    return written.toArray()[0]?.version;
  }

  rows(): Row[] {
    const found = this.select<{ name: string; state: string; since: number | null; in_doubt: number; unsettled: number; written_at: number }>(
      "SELECT name, state, since, in_doubt, unsettled, written_at FROM records");
    return found.map(({ in_doubt, unsettled, written_at, ...row }) => ({ ...row, inDoubt: in_doubt === 1, unsettled: unsettled === 1, writtenAt: written_at }));
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

  /** Nothing, when there are no tables. */
  private select<T extends Record<string, SqlStorageValue>>(query: string, ...values: unknown[]): T[] {
    this.prepared ||= this.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'flags'").toArray().length > 0; // the last that is made
    return this.prepared ? this.sql.exec<T>(query, ...values).toArray() : [];
  }

  /** Before whatever writes: the tables are gone after {@link wipe}. */
  private prepare(): void {
    if (this.prepared) return;
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS subject (only INTEGER PRIMARY KEY, kind TEXT NOT NULL, sealed TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS records (name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed TEXT NOT NULL, state TEXT NOT NULL,
        since INTEGER, in_doubt INTEGER NOT NULL, unsettled INTEGER NOT NULL, written_at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS flags (name TEXT PRIMARY KEY, value INTEGER NOT NULL);`);
    this.prepared = true;
  }
}
