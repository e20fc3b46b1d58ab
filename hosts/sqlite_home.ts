/** The rows of one ledger object, among those of all others in one database. */
import type { FlagName, Kept, LedgerHome, RecordRow, SubjectRow } from "../worker/ledger_home.js";
import type { Db } from "./database.js";

const TABLES = ["gateway_subjects", "gateway_records", "gateway_flags", "gateway_alarms"];

export class SqliteHome implements LedgerHome {
  constructor(private readonly db: Db, readonly place: string, private readonly alarmSet: (at: number) => void) {}

  all(): Kept {
    const select = (columns: string, table: string): any[] => this.db.sql(`SELECT ${columns} FROM ${table} WHERE object = ?`).all(this.place);
    return {
      subject: select("kind, sealed", "gateway_subjects")[0],
      flags: select("name, value", "gateway_flags"),
      records: select("*", "gateway_records").map(({ name, version, sealed, state, since, in_doubt, unsettled, written_at }) => ({
        name, version, sealed, state, since, inDoubt: in_doubt === 1, unsettled: unsettled === 1, writtenAt: written_at,
      })),
    };
  }

  insertSubject({ kind, sealed }: SubjectRow): void {
    this.db.sql("INSERT INTO gateway_subjects (object, kind, sealed) VALUES (?, ?, ?)").run(this.place, kind, sealed);
  }

  setFlag(name: FlagName, value: number): void {
    this.db
      .sql("INSERT INTO gateway_flags (object, name, value) VALUES (?, ?, ?) ON CONFLICT (object, name) DO UPDATE SET value = excluded.value")
      .run(this.place, name, value);
  }

  writeRecord({ name, sealed, state, since, inDoubt, unsettled, writtenAt }: RecordRow, version: number | undefined): number | undefined {
    const columns = [sealed, state, since, inDoubt ? 1 : 0, unsettled ? 1 : 0, writtenAt, this.place, name];
    const { changes } = version === undefined
      ? this.db.sql(
        `INSERT INTO gateway_records (sealed, state, since, in_doubt, unsettled, written_at, object, name, version)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING`).run(...columns)
      : this.db.sql(
        `UPDATE gateway_records SET sealed = ?, state = ?, since = ?, in_doubt = ?, unsettled = ?, written_at = ?, version = version + 1
         WHERE object = ? AND name = ? AND version = ?`).run(...columns, version);
    return Number(changes) === 1 ? (version ?? 0) + 1 : undefined;
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
