/**
 * What one ledger object remembers, over the rows of its home. What is secret is sealed as in KV (seal.ts), bound to the
 * object and to its place there; in the clear are only states and times.
 */
import { type RecordStore, describePurchase, describeRedemption } from "../pkg/workerd.js";
import type { FlagName, LedgerHome, RecordRow, SubjectRow } from "./ledger_home.js";
import type { RelaySubject, KeyedSubject, Standing, Subject } from "./ledger_protocol.js";
import type { Later } from "./redeem_later.js";
import { type Row, type Waking, nextWaking, wakingUnopened } from "./ledger_schedule.js";
import { type SealingKey, seal, unseal } from "./seal.js";

/** The records of an object, and how to tell where one stands. */
const DESCRIBE = {
  purchase: describePurchase as (text: string) => Standing,
  redemption: describeRedemption as (text: string) => Standing,
  // A relay that was made under an Idempotency-Key. It is there or it is not.
  creation: (): Standing => ({ state: "created", attempt: 0, inDoubt: false, unsettled: false }),
  // A redemption that is wanted (redeem_later.ts). What is in doubt is in the redemption's own record.
  later: (text: string): Standing => {
    const { state, at } = JSON.parse(text) as Later;
    return { state, since: at / 1000, attempt: 0, inDoubt: false, unsettled: false };
  },
} as const;

export type RecordName = keyof typeof DESCRIBE;

/** What is kept of a {@link Subject}. */
export type KeptSubject = RelaySubject | Omit<KeyedSubject, "evenIfMoved">;

/** A row, and what is known of it besides. */
interface Known extends RecordRow {
  readonly version: number;
  /** Once it was opened. */
  text?: string;
  standing?: Standing;
}

/** All rows as they stand in the home. */
interface Mirror {
  subject: (SubjectRow & { opened?: KeptSubject }) | undefined;
  readonly flags: Map<FlagName, number>;
  readonly records: Map<string, Known>;
}

export class LedgerStorage {
  /**
   * Read once, for nobody else writes; what is written goes here in the same step. `undefined` when it has to be read (again).
   */
  private mirror: Mirror | undefined;

  /** A subject that is in memory only, and when somebody last asked: nothing has come to be that needs it after us. */
  private pending: { readonly subject: Mirror["subject"] & {}; called: number } | undefined;

  /** `keys`: the first seals, all open. */
  constructor(private readonly home: LedgerHome, private readonly keys: readonly SealingKey[]) {}

  /**
   * Whose and what this object is for; what is given holds if there is nothing yet. It is written with the first thing that has to
   * outlive us, in one step: until then nothing was sent, and it is as if nobody had come. `undefined` when the object has
   * promised not to start.
   */
  async startFor({ ...given }: Subject): Promise<KeptSubject | undefined> {
    const force = given.kind === "key" && given.evenIfMoved === true;
    if (given.kind === "key") delete (given as { evenIfMoved?: boolean }).evenIfMoved;
    if (this.started()) return this.subject();
    const row = { kind: given.kind, sealed: await this.seal("subject", JSON.stringify({ v: 1, ...given })) };
    // From here on in one step, so nobody is told in between that the object has not started.
    if (this.started()) return this.subject();
    if (this.flag("moved") !== undefined && !force) return undefined;
    const subject = { ...row, opened: given };
    this.pending = { subject, called: Date.now() };
    this.known.subject = subject;
    this.known.flags.set("called", this.pending.called);
    return given;
  }

  async subject(): Promise<KeptSubject | undefined> {
    const row = this.known.subject;
    if (row === undefined || row.opened !== undefined) return row?.opened;
    const { v: _, ...subject } = JSON.parse(await this.unseal("subject", row.sealed)) as { v: 1 } & KeptSubject;
    row.opened = subject as KeptSubject;
    return row.opened;
  }

  /** Whether there is a subject. */
  started(): boolean {
    return this.known.subject !== undefined;
  }

  /** Whether the object has started; if not, it promises that it never will. In one step. */
  async startedOrNever(): Promise<boolean> {
    if (this.started()) return true;
    await this.commit(() => this.setFlag("moved", Date.now()));
    return false;
  }

  /** Notes that somebody asked for something, which starts the schedule of the alarms over. A second is nothing to it. */
  called(): void {
    const now = Date.now();
    const age = now - (this.flag("called") ?? 0);
    if (age < 0 || age >= 1000) this.setFlag("called", now);
  }

  /** The attempt whose slot among the day's purchases is taken, or was about to be: see purchase_slot.ts. */
  get slotOf(): number | undefined {
    const slot = this.flag("slot") ?? 0;
    return slot === 0 ? undefined : slot - 1;
  }

  /** On disk when it answers, with an alarm to come back to it. */
  async noteSlot(attempt: number | undefined): Promise<void> {
    await this.commit(() => this.setFlag("slot", attempt === undefined ? 0 : attempt + 1));
  }

  /** Whether a pass of the pool may be bound to this object, or the pool not know that it is here: see pool_take.ts. */
  get asksPool(): boolean {
    return this.flag("pool") === 1;
  }

  /** On disk when it answers, with an alarm to come back to it. */
  async notePool(asks: boolean): Promise<void> {
    await this.commit(() => this.setFlag("pool", asks ? 1 : 0));
  }

  /** One record, for the SDK. Its version counts the writes. */
  record(name: RecordName): RecordStore {
    return {
      read: async () => {
        const row = this.known.records.get(name);
        return row && { text: await this.textOf(row), version: row.version };
      },
      write: async (text, version) => {
        const standing = DESCRIBE[name](text);
        const { state, since, inDoubt, unsettled } = standing;
        const sealed = await this.seal(name, text);
        const row = { name, sealed, state, since: since === undefined ? null : Math.round(since * 1000), inDoubt, unsettled, writtenAt: Date.now() };
        // Compare-and-set: while the text was being sealed, another may have written. The alarm goes with it: should we die
        // while a call is on its way, it is what comes back.
        return this.commit(() => {
          const written = this.home.writeRecord(row, version as number | undefined);
          if (written === undefined) this.mirror = undefined; // whoever was faster: what stands is read anew
          else this.known.records.set(name, { ...row, version: written, text, standing });
          return written;
        });
      },
    };
  }

  /** The text of a record, if there is one. */
  async text(name: RecordName): Promise<string | undefined> {
    const row = this.known.records.get(name);
    return row && this.textOf(row);
  }

  async standing(name: Exclude<RecordName, "creation">): Promise<Standing | undefined> {
    const row = this.known.records.get(name);
    return row && (row.standing ??= DESCRIBE[name](await this.textOf(row)));
  }

  rows(): Row[] {
    return [...this.known.records.values()];
  }

  /** What is to be done next without being asked. */
  waking(now: number): Waking {
    return nextWaking(this.rows(), this.kind, this.calledAt(now), now, { owesSlot: this.slotOf !== undefined, asksPool: this.asksPool });
  }

  /** The same when it can't be opened. Needs no key. */
  wakingUnopened(now: number): Waking {
    return wakingUnopened(this.waking(now), this.rows(), this.kind, this.calledAt(now), now);
  }

  /** Sets the next alarm. */
  async schedule(): Promise<void> {
    await this.commit(() => undefined);
  }

  /** Deletes everything. Nothing is awaited before it is done. */
  async wipe(): Promise<void> {
    const wiped = this.home.wipe();
    this.mirror = this.pending = undefined;
    await wiped;
    this.mirror = undefined; // whoever looked meanwhile may have seen rows that are gone by now
  }

  private get known(): Mirror {
    if (this.mirror === undefined) {
      const { subject, flags, records } = this.home.all();
      if (subject !== undefined) this.pending = undefined;
      this.mirror = {
        subject: subject ?? this.pending?.subject,
        flags: new Map(flags.map(({ name, value }) => [name, value])),
        records: new Map(records.map((row): [string, Known] => [row.name, row])),
      };
      if (this.pending !== undefined) this.mirror.flags.set("called", this.pending.called);
    }
    return this.mirror;
  }

  private get kind(): "relay" | "key" {
    return this.known.subject?.kind ?? "key";
  }

  private calledAt(now: number): number {
    return this.flag("called") ?? this.flag("moved") ?? now;
  }

  private flag(name: FlagName): number | undefined {
    return this.known.flags.get(name);
  }

  private setFlag(name: FlagName, value: number): void {
    this.known.flags.set(name, value);
    if (this.pending === undefined) this.home.setFlag(name, value);
    else if (name === "called") this.pending.called = value;
  }

  private async textOf(row: Known): Promise<string> {
    return (row.text ??= await this.unseal(row.name, row.sealed));
  }

  /** Answers when everything is on disk, the next alarm with it. */
  private async commit<T>(work: () => T): Promise<T> {
    void this.known; // if it has to be read anew, the subject may be there after all
    const { pending } = this;
    const whole = () => {
      if (pending !== undefined) {
        this.home.insertSubject(pending.subject);
        this.home.setFlag("called", pending.called);
        this.pending = undefined;
      }
      return work();
    };
    try {
      return await this.home.commit(whole, () => Math.max(this.waking(Date.now()).at, Date.now()));
    } catch (error) {
      this.mirror = undefined; // nothing was written of what it says
      this.pending ??= pending;
      throw error;
    }
  }

  private seal(name: string, text: string): Promise<string> {
    return seal(this.keys[0] as SealingKey, `${this.home.place}/${name}`, text); // STORE_KEYS has at least one
  }

  private unseal(name: string, sealed: string): Promise<string> {
    return unseal(this.keys, `${this.home.place}/${name}`, sealed);
  }
}
