/** Where a ledger object lives. The Durable Object is one home (durable_home.ts); another platform brings its own. */
import type { Row } from "./ledger_schedule.js";

/** What is kept of a record: {@link Row} in the clear, and the text, sealed. */
export type RecordRow = Row & { readonly sealed: string };

/** What is kept of whom an object is for, sealed too. */
export interface SubjectRow {
  readonly kind: "relay" | "key";
  readonly sealed: string;
}

/**
 * `moved`: when the object promised not to start. `called`: when somebody last asked for something. `slot`: the attempt whose
 * slot of the day is taken or about to be, plus one; 0 when there is none. `pool`: 1 when a pass that was bought ahead may be
 * bound to the object without its knowing.
 */
export type FlagName = "moved" | "called" | "slot" | "pool";

/** All that an object has. */
export interface Kept {
  readonly subject: SubjectRow | undefined;
  readonly flags: readonly { readonly name: FlagName; readonly value: number }[];
  readonly records: readonly (RecordRow & { readonly version: number })[];
}

/**
 * The rows of one object, and its alarm. Nobody else writes them. What answers no promise is done at once, so that what is done
 * without an await in between is one step to everybody else. Looking leaves nothing behind.
 */
export interface LedgerHome {
  /** Tells the object from all others. What it seals is bound to it. Without line breaks. */
  readonly place: string;
  all(): Kept;
  /** There is none yet. */
  insertSubject(subject: SubjectRow): void;
  setFlag(name: FlagName, value: number): void;
  /**
   * Writes a record if it still has that version; `undefined`: if there is none. Answers the version that it then has, or
   * `undefined` when nothing was written.
   */
  writeRecord(row: RecordRow, version: number | undefined): number | undefined;
  /**
   * Does `work` at once, sets the alarm to what `wakeAt` answers after it, in Unix milliseconds, and answers when both are
   * on disk; if the process dies before that, neither is.
   */
  commit<T>(work: () => T, wakeAt: () => number): Promise<T>;
  setAlarm(at: number): Promise<void>;
  /** Deletes all rows and the alarm, at once. */
  wipe(): Promise<void>;
}
