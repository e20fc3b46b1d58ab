/** What crosses between the Worker, a ledger object and the object that keeps the passes bought ahead: plain data. */
import type { Outcome } from "./ledger_protocol.js";

/** What a pass is for. */
export interface Shelf {
  readonly claimType: string;
  readonly sandbox: boolean;
}

/** How a shelf stands. Times are in Unix milliseconds. */
export interface ShelfView extends Shelf {
  readonly wanted: number;
  /** Passes that may be taken. */
  readonly ready: number;
  /** Purchases that the next top-up goes on with. */
  readonly buying: number;
  /** Purchases of which nobody knows whether they were billed, or that were billed and are of no use. Not made again. */
  readonly inDoubt: number;
  /** Passes that were taken by somebody who has not said yet that they have them. */
  readonly bound: number;
  /** When the oldest and the newest of the passes that may be taken were bought. */
  readonly oldest: number | null;
  readonly newest: number | null;
  readonly lastTopUp: LastTopUp | null;
}

/** What came of the latest top-up of a shelf. */
export interface LastTopUp {
  readonly at: number;
  readonly bought: number;
  readonly thrownAway: number;
  /** The code of what kept it from going on, as docs/integrating.md lists them. */
  readonly code: string | null;
}

/** The calls that the object takes. Whatever it is asked may be asked twice. */
export interface Pool {
  /**
   * The oldest pass of a shelf, bound to who takes it: the text of a purchase's record, issued, or `null` when there is none.
   * On disk when it answers, and the same for a day and until {@link collected}: also `null`. `ifBound`: none is bound now.
   */
  take(taker: string, shelf: Shelf, options: { readonly ifBound: boolean }): Promise<Outcome<{ record: string | null }>>;
  /** Who took a pass has it in a record of their own. */
  collected(taker: string): Promise<void>;
  /** Goes on with what is unfinished, throws away what is old, and buys what is missing; or joins who does. Never rejects. */
  topUp(): Promise<void>;
  view(): Promise<ShelfView[]>;
}
