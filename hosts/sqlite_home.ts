/** The rows of one ledger object, among those of all others in one database. */
import type { FlagName, LedgerHome, RecordRow } from "../worker/ledger_home.js";
import type { Row } from "../worker/ledger_schedule.js";
import type { Db } from "./database.js";

const TABLES = ["gateway_subjects", "gateway_records", "gateway_flags", "gateway_alarms"];

export class SqliteHome implements LedgerHome {
  constructor(private readonly db: Db, readonly place: string, private readonly alarmSet: (at: number) => void) {}

  subject() {
    // Bun answers null.
    return this.db.sql("SELECT kind, sealed FROM gateway_subjects WHERE object = ?").get(this.place) ?? undefined;
  }

  insertSubject(kind: "relay" | "key", sealed: string): void {
    this.db.sql("INSERT INTO gateway_subjects (object, kind, sealed) VALUES (?, ?, ?) ON CONFLICT DO NOTHING").run(this.place, kind, sealed);
  }

  flag(name: FlagName): number | undefined {
    return this.db.sql("SELECT value FROM gateway_flags WHERE object = ? AND name = ?").get(this.place, name)?.value;
  }

  setFlag(name: FlagName, value: number): void {
    this.db
      .sql("INSERT INTO gateway_flags (object, name, value) VALUES (?, ?, ?) ON CONFLICT (object, name) DO UPDATE SET value = excluded.value")
      .run(this.place, name, value);
  }

  record(name: string) {
    return this.db.sql("SELECT version, sealed FROM gateway_records WHERE object = ? AND name = ?").get(this.place, name) ?? undefined;
  }

  writeRecord({ name, sealed, state, since, inDoubt, unsettled }: RecordRow, version: number | undefined): number | undefined {
    const columns = [sealed, state, since, inDoubt ? 1 : 0, unsettled ? 1 : 0, Date.now(), this.place, name];
    const { changes } = version === undefined
      ? this.db.sql(
        `INSERT INTO gateway_records (sealed, state, since, in_doubt, unsettled, written_at, object, name, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING`).run(...columns)
      : this.db.sql(
        `UPDATE gateway_records SET sealed = ?, state = ?, since = ?, in_doubt = ?, unsettled = ?, written_at = ?, version = version + 1
         WHERE object = ? AND name = ? AND version = ?`).run(...columns, version);
    return Number(changes) === 1 ? (version ?? 0) + 1 : undefined;
  }

  rows(): Row[] {
    const found: { name: string; state: string; since: number | null; in_doubt: number; unsettled: number; written_at: number }[] =
      this.db.sql("SELECT name, state, since, in_doubt, unsettled, written_at FROM gateway_records WHERE object = ?").all(this.place);
    return found.map(({ name, state, since, in_doubt, unsettled, written_at }) => ({
      name, state, since, inDoubt: in_doubt === 1, unsettled: unsettled === 1, writtenAt: written_at,
    }));
  }

  async commit<T>(work: () => T, wakeAt: () => number): Promise<T> {
    const { result, at } = this.db.transaction(() => {
      const done = { result: work(), at: wakeAt() };
      this.putAlarm(done.at);
      return done;
    });
    this.alarmSet(at);
    return result;
  }

  async setAlarm(at: number): Promise<void> {
    this.putAlarm(at);
    this.alarmSet(at);
  }

  async wipe(): Promise<void> {
    this.db.transaction(() => {
      for (const table of TABLES) this.db.sql(`DELETE FROM ${table} WHERE object = ?`).run(this.place);
    });
  }

  private putAlarm(at: number): void {
    this.db.sql("INSERT INTO gateway_alarms (object, at) VALUES (?, ?) ON CONFLICT (object) DO UPDATE SET at = excluded.at").run(this.place, at);
  }
}
