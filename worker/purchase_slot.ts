/**
 * The slot of a ledger object's purchase among those of its caller's day (purchase_limit.ts), one for each attempt.
 *
 * It is noted in the object, with an alarm, before it is taken, so that a crash anywhere leaves something that gives it back or
 * goes on with it. It is taken before the attempt can be written down as sent, which is before anything leaves. What was
 * written down as sent needs no leave any more: it must be able to finish.
 */
import { type RecordStore, describePurchase } from "../pkg/workerd.js";
import { Refused } from "./ledger_outcomes.js";
import type { Standing } from "./ledger_protocol.js";
import type { LedgerStorage } from "./ledger_storage.js";
import type { PurchaseLimit } from "./purchase_limit.js";

export class PurchaseSlot {
  /** The attempt whose slot was taken in this run. */
  private taken: number | undefined;

  /** `limit`: `undefined` when nothing is counted. `place`: tells the object from all others. */
  constructor(private readonly storage: LedgerStorage, private readonly place: string, private readonly limit: PurchaseLimit | undefined) {}

  /**
   * Takes the slot of an attempt that nothing was sent for yet.
   *
   * @throws Refused when the day has none left, or can't be counted
   */
  async take(attempt: number): Promise<void> {
    if (this.taken === attempt || !this.limit?.active) return;
    const { slotOf } = this.storage;
    if (slotOf !== undefined && slotOf !== attempt && !(await this.settle())) throw new Refused({ why: "not-counted" });
    await this.storage.noteSlot(attempt);
    const taken = await this.limit.take(this.name(attempt)).catch(() => {
      throw new Refused({ why: "not-counted" }); // it may have been: the note stays
    });
    if (!taken.granted) {
      await this.storage.noteSlot(undefined);
      throw new Refused({ why: "over-limit", retryAfterS: taken.retryAfterS });
    }
    this.taken = attempt;
  }

  /** A record whose attempts can't be written down as sent without a slot. */
  guard(record: RecordStore): RecordStore {
    if (!this.limit?.active) return record;
    return {
      read: () => record.read(),
      write: async (text, version) => {
        const { state, attempt } = describePurchase(text) as Standing;
        if (state === "sent" && !(await this.wasSent(attempt))) await this.take(attempt);
        return record.write(text, version);
      },
    };
  }

  /** Gives the slot back, if one is noted and nothing can come of its attempt any more. Answers whether nothing is owed. */
  async settle(): Promise<boolean> {
    const attempt = this.storage.slotOf;
    if (attempt === undefined) return true;
    const standing = await this.storage.standing("purchase");
    const stands = standing !== undefined && standing.attempt === attempt ? standing.state : "none";
    if (stands === "sent") return true; // it may still be refused
    if (standing === undefined && this.storage.asksPool) return true; // a pass may be bound to it
    if (stands === "none" || stands === "rejected") {
      try {
        await this.limit?.giveBack(this.name(attempt));
      } catch {
        return false; // the object's alarm comes back to it
      }
    }
    this.taken = undefined;
    await this.storage.noteSlot(undefined);
    return true;
  }

  private async wasSent(attempt: number): Promise<boolean> {
    const standing = await this.storage.standing("purchase");
    return standing?.attempt === attempt && standing.state !== "none";
  }

  private name(attempt: number): string {
    return `${this.place}/${attempt}`;
  }
}

/** The attempt that a call begins before anything else, if it begins one. */
export function attemptBegun(standing: Standing | undefined, { byItself, allowedAgain }: { byItself?: boolean | undefined; allowedAgain?: boolean | undefined }): number | undefined {
  const { state, attempt } = standing ?? { state: "none", attempt: 0 };
  if (allowedAgain) return state === "unknown" || state === "unusable" ? attempt + 1 : undefined;
  if (state === "none") return attempt;
  return state === "rejected" && !byItself ? attempt + 1 : undefined;
}
