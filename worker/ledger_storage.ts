/**
 * The SQLite database of one ledger object. What is secret is sealed as in KV (seal.ts), bound to the object and to its
 * place there; in the clear are only states and times.
 */
import { type RecordStore, describePurchase, describeRedemption } from "../pkg/workerd.js";
import type { RelaySubject, KeyedSubject, Standing, Subject } from "./ledger_protocol.js";
import { type Row, nextWaking } from "./ledger_schedule.js";
import { type SealingKey, seal, unseal } from "./seal.js";

/** The records of an object, and how to tell where one stands. */
const DESCRIBE = {
  purchase: describePurchase as (text: string) => Standing,
  redemption: describeRedemption as (text: string) => Standing,
  // A relay that was made under an Idempotency-Key. It is there or it is not.
  creation: (): Standing => ({ state: "created", attempt: 0, inDoubt: false, unsettled: false }),
} as const;

export type RecordName = keyof typeof DESCRIBE;

/** What is kept of a {@link Subject}. */
export type KeptSubject = RelaySubject | Omit<KeyedSubject, "evenIfMoved">;

export class LedgerStorage {
  private readonly sql: SqlStorage;
  private subjectCache: KeptSubject | undefined;

  /** `keys`: the first seals, all open. `place`: the object, which what it seals is bound to. */
  constructor(private readonly storage: DurableObjectStorage, private readonly keys: readonly SealingKey[], private readonly place: string) {
    this.sql = storage.sql;
  }

  /**
   * Whose and what this object is for; what is given is written if there is nothing yet. `undefined` when the object has
   * promised not to start.
   */
  async startFor({ ...given }: Subject): Promise<KeptSubject | undefined> {
    const force = given.kind === "key" && given.evenIfMoved === true;
    if (given.kind === "key") delete (given as { evenIfMoved?: boolean }).evenIfMoved;
    const there = await this.subject();
    if (there !== undefined) return there;
    const sealed = await this.seal("subject", JSON.stringify({ v: 1, ...given }));
    // Nothing is awaited from here to the insertion, so nobody is told in between that the object has not started.
    this.prepare();
    if (this.flag("moved") !== undefined && !force) return undefined;
    this.sql.exec("INSERT INTO subject (only, kind, sealed) VALUES (1, ?, ?) ON CONFLICT DO NOTHING", given.kind, sealed);
    await this.durable();
    return this.subject();
  }

  async subject(): Promise<KeptSubject | undefined> {
    if (this.subjectCache !== undefined) return this.subjectCache;
    const row = this.select<{ sealed: string }>("SELECT sealed FROM subject")[0];
    if (row === undefined) return undefined;
    const { v: _, ...subject } = JSON.parse(await this.unseal("subject", row.sealed)) as { v: 1 } & KeptSubject;
    if (this.started()) this.subjectCache = subject as KeptSubject; // not if it was deleted while it was being opened
    return subject as KeptSubject;
  }

  /** Whether there is a subject. */
  started(): boolean {
    return this.select("SELECT 1 FROM subject").length > 0;
  }

  /** Whether the object has started; if not, it promises that it never will. In one step. */
  async startedOrNever(): Promise<boolean> {
    if (this.started()) return true;
    this.prepare();
    this.setFlag("moved", Date.now());
    await this.durable();
    return false;
  }

  /** Notes that somebody asked for something, which starts the schedule of the alarms over. */
  called(): void {
    this.prepare();
    this.setFlag("called", Date.now());
  }

  /** One record, for the SDK. Its version counts the writes. */
  record(name: RecordName): RecordStore {
    return {
      read: async () => {
        const row = this.select<{ version: number; sealed: string }>("SELECT version, sealed FROM records WHERE name = ?", name)[0];
        return row && { text: await this.unseal(name, row.sealed), version: row.version };
      },
      write: async (text, version) => {
        const { state, since, inDoubt, unsettled } = DESCRIBE[name](text);
        const sealed = await this.seal(name, text);
        const columns = [sealed, state, since === undefined ? null : since * 1000, inDoubt ? 1 : 0, unsettled ? 1 : 0, Date.now()];
        this.prepare();
        // Compare-and-set in one statement: while the text was being sealed, another may have written.
        const written = version === undefined
          ? this.sql.exec<{ version: number }>(
            `INSERT INTO records (sealed, state, since, in_doubt, unsettled, written_at, name, version)
             VALUES (?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO NOTHING RETURNING version`, ...columns, name)
          : this.sql.exec<{ version: number }>(
            `UPDATE records SET sealed = ?, state = ?, since = ?, in_doubt = ?, unsettled = ?, written_at = ?, version = version + 1
             WHERE name = ? AND version = ? RETURNING version`, ...columns, name, version as number);
        const row = written.toArray()[0];
        // With the alarm, in one transaction: should we die while a call is on its way, it is what comes back.
        await this.durable();
        return row?.version;
      },
    };
  }

  /** The text of a record, if there is one. */
  async text(name: RecordName): Promise<string | undefined> {
    return (await this.record(name).read())?.text;
  }

  async standing(name: "purchase" | "redemption"): Promise<Standing | undefined> {
    const text = await this.text(name);
    return text === undefined ? undefined : DESCRIBE[name](text);
  }

  rows(): Row[] {
    const found = this.select<{ name: string; state: string; since: number | null; in_doubt: number; unsettled: number; written_at: number }>(
      "SELECT name, state, since, in_doubt, unsettled, written_at FROM records");
    return found.map(({ in_doubt, unsettled, written_at, ...row }) => ({ ...row, inDoubt: in_doubt === 1, unsettled: unsettled === 1, writtenAt: written_at }));
  }

  /** What is to be done next without being asked. */
  waking(now: number) {
    const kind = this.select<{ kind: "relay" | "key" }>("SELECT kind FROM subject")[0]?.kind ?? "key";
    return nextWaking(this.rows(), kind, this.flag("called") ?? this.flag("moved") ?? now, now);
  }

  /**
   * Answers when everything is on disk, the next alarm with it. What leaves the object waits for that anyhow (the output
   * gate), but the SDK is to know, before it sends anything, that what it needs to repeat it is durable; and a write that
   * failed must not look like one that was done.
   */
  async durable(): Promise<void> {
    await Promise.all([this.storage.setAlarm(Math.max(this.waking(Date.now()).at, Date.now())), this.storage.sync()]);
  }

  /** Deletes everything. Nothing is awaited before it is done. */
  async wipe(): Promise<void> {
    this.subjectCache = undefined;
    await Promise.all([this.storage.deleteAlarm(), this.storage.deleteAll()]);
  }

  private flag(name: "moved" | "called"): number | undefined {
    return this.select<{ value: number }>("SELECT value FROM flags WHERE name = ?", name)[0]?.value;
  }

  private setFlag(name: "moved" | "called", value: number): void {
    this.sql.exec("INSERT INTO flags (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value);
  }

  /** Nothing, when there are no tables: looking must leave nothing behind. */
  private select<T extends Record<string, SqlStorageValue>>(query: string, ...values: unknown[]): T[] {
    const there = this.sql.exec("SELECT 1 FROM sqlite_master WHERE name = 'subject'").toArray().length > 0;
    return there ? this.sql.exec<T>(query, ...values).toArray() : [];
  }

  /** Before whatever writes: the tables are gone after {@link wipe}. */
  private prepare(): void {
    this.sql.exec(`
      CREATE TABLE IF NOT EXISTS subject (only INTEGER PRIMARY KEY, kind TEXT NOT NULL, sealed TEXT NOT NULL);
      CREATE TABLE IF NOT EXISTS records (name TEXT PRIMARY KEY, version INTEGER NOT NULL, sealed TEXT NOT NULL, state TEXT NOT NULL,
        since INTEGER, in_doubt INTEGER NOT NULL, unsettled INTEGER NOT NULL, written_at INTEGER NOT NULL);
      CREATE TABLE IF NOT EXISTS flags (name TEXT PRIMARY KEY, value INTEGER NOT NULL);`);
  }

  private seal(name: string, text: string): Promise<string> {
    return seal(this.keys[0] as SealingKey, `${this.place}/${name}`, text); // STORE_KEYS has at least one
  }

  private unseal(name: string, sealed: string): Promise<string> {
    return unseal(this.keys, `${this.place}/${name}`, sealed);
  }
}
