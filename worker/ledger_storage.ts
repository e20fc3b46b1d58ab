/**
 * What one ledger object remembers, over the rows of its home. What is secret is sealed as in KV (seal.ts), bound to the
 * object and to its place there; in the clear are only states and times.
 */
import { type RecordStore, describePurchase, describeRedemption } from "../pkg/workerd.js";
import type { LedgerHome } from "./ledger_home.js";
import type { RelaySubject, KeyedSubject, Standing, Subject } from "./ledger_protocol.js";
import type { Later } from "./redeem_later.js";
import { type Row, nextWaking } from "./ledger_schedule.js";
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

export class LedgerStorage {
  private subjectCache: KeptSubject | undefined;

  /** `keys`: the first seals, all open. */
  constructor(private readonly home: LedgerHome, private readonly keys: readonly SealingKey[]) {}

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
    // The promise and the insertion are one step, so nobody is told in between that the object has not started.
    const started = await this.commit(() => {
      if (this.home.flag("moved") !== undefined && !force) return false;
      this.home.insertSubject(given.kind, sealed);
      return true;
    });
    if (!started) return undefined;
    return this.subject();
  }

  async subject(): Promise<KeptSubject | undefined> {
    if (this.subjectCache !== undefined) return this.subjectCache;
    const row = this.home.subject();
    if (row === undefined) return undefined;
    const { v: _, ...subject } = JSON.parse(await this.unseal("subject", row.sealed)) as { v: 1 } & KeptSubject;
    if (this.started()) this.subjectCache = subject as KeptSubject; // not if it was deleted while it was being opened
    return subject as KeptSubject;
  }

  /** Whether there is a subject. */
  started(): boolean {
    return this.home.subject() !== undefined;
  }

  /** Whether the object has started; if not, it promises that it never will. In one step. */
  async startedOrNever(): Promise<boolean> {
    if (this.started()) return true;
    await this.commit(() => this.home.setFlag("moved", Date.now()));
    return false;
  }

  /** Notes that somebody asked for something, which starts the schedule of the alarms over. */
  called(): void {
    this.home.setFlag("called", Date.now());
  }

  /** The attempt whose slot among the day's purchases is taken, or was about to be: see purchase_slot.ts. */
  get slotOf(): number | undefined {
    const slot = this.home.flag("slot") ?? 0;
    return slot === 0 ? undefined : slot - 1;
  }

  /** On disk when it answers, with an alarm to come back to it. */
  async noteSlot(attempt: number | undefined): Promise<void> {
    await this.commit(() => this.home.setFlag("slot", attempt === undefined ? 0 : attempt + 1));
  }

  /** Whether a pass of the pool may be bound to this object, or the pool not know that it is here: see pool_take.ts. */
  get asksPool(): boolean {
    return this.home.flag("pool") === 1;
  }

  /** On disk when it answers, with an alarm to come back to it. */
  async notePool(asks: boolean): Promise<void> {
    await this.commit(() => this.home.setFlag("pool", asks ? 1 : 0));
  }

  /** One record, for the SDK. Its version counts the writes. */
  record(name: RecordName): RecordStore {
    return {
      read: async () => {
        const row = this.home.record(name);
        return row && { text: await this.unseal(name, row.sealed), version: row.version };
      },
      write: async (text, version) => {
        const { state, since, inDoubt, unsettled } = DESCRIBE[name](text);
        const sealed = await this.seal(name, text);
        const row = { name, sealed, state, since: since === undefined ? null : Math.round(since * 1000), inDoubt, unsettled };
        // Compare-and-set: while the text was being sealed, another may have written. The alarm goes with it: should we die
        // while a call is on its way, it is what comes back.
        return this.commit(() => this.home.writeRecord(row, version as number | undefined));
      },
    };
  }

  /** The text of a record, if there is one. */
  async text(name: RecordName): Promise<string | undefined> {
    return (await this.record(name).read())?.text;
  }

  async standing(name: Exclude<RecordName, "creation">): Promise<Standing | undefined> {
    const text = await this.text(name);
    return text === undefined ? undefined : DESCRIBE[name](text);
  }

  rows(): Row[] {
    return this.home.rows();
  }

  /** What is to be done next without being asked. */
  waking(now: number) {
    const kind = this.home.subject()?.kind ?? "key";
    const calledAt = this.home.flag("called") ?? this.home.flag("moved") ?? now;
    return nextWaking(this.rows(), kind, calledAt, now, { owesSlot: this.slotOf !== undefined, asksPool: this.asksPool });
  }

  /** Sets the next alarm. */
  async schedule(): Promise<void> {
    await this.commit(() => undefined);
  }

  /** Deletes everything. Nothing is awaited before it is done. */
  async wipe(): Promise<void> {
    this.subjectCache = undefined;
    await this.home.wipe();
  }

  /** Answers when everything is on disk, the next alarm with it. */
  private commit<T>(work: () => T): Promise<T> {
    return this.home.commit(work, () => Math.max(this.waking(Date.now()).at, Date.now()));
  }

  private seal(name: string, text: string): Promise<string> {
    return seal(this.keys[0] as SealingKey, `${this.home.place}/${name}`, text); // STORE_KEYS has at least one
  }

  private unseal(name: string, sealed: string): Promise<string> {
    return unseal(this.keys, `${this.home.place}/${name}`, sealed);
  }
}
