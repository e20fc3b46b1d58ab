/**
 * How a ledger object takes a pass that was bought ahead, in the place of its first purchase.
 *
 * That it asks is noted in the object, with an alarm, before it does; and the note stays until the object has the pass in its
 * own record and the pool knows, or the pool has said that there is none. So a pass that was bound to the object is got by it,
 * whatever dies. An object that has a purchase of its own never asks; one that does not know what the pool did never buys.
 */
import type { ManagedConfig } from "./env.js";
import type { KeptSubject, LedgerStorage } from "./ledger_storage.js";
import { writePoolLog } from "./log.js";
import { askPool, isPooled, takeFromPool } from "./pool_client.js";
import type { Shelf } from "./pool_protocol.js";

export class PoolTake {
  /** `place`: tells the object from all others. */
  constructor(private readonly storage: LedgerStorage, private readonly place: string, private readonly config: ManagedConfig, private readonly subject: KeptSubject) {}

  /**
   * Has a pass of the pool in the object's record, if the object has no purchase and the pool a pass. Answers whether it
   * does.
   *
   * @throws Refused when nobody knows whether a pass is bound to the object
   */
  async take(): Promise<boolean> {
    const { storage, config } = this;
    const shelf = this.shelf();
    if (shelf === undefined || (await storage.standing("purchase")) !== undefined) return false;
    if (!storage.asksPool && !isPooled(config, shelf)) return false;
    if (!storage.asksPool) await storage.notePool(true);
    const taken = await this.collect(shelf, { ifBound: false });
    if (!taken) writePoolLog("warn", { code: "pool_empty", ...shelf, caller: this.subject.callerId });
    return taken;
  }

  /**
   * Nobody asked: gets what is bound, and asks for nothing.
   *
   * @throws Refused
   */
  async settle(): Promise<void> {
    const shelf = this.shelf();
    if (!this.storage.asksPool || shelf === undefined) return;
    if ((await this.storage.standing("purchase")) === undefined) await this.collect(shelf, { ifBound: true });
    else await this.told();
  }

  private async collect(shelf: Shelf, how: { ifBound: boolean }): Promise<boolean> {
    const { storage, place } = this;
    const record = await takeFromPool(this.config, place, shelf, how);
    if (record === null) {
      await storage.notePool(false);
      return false;
    }
    const written = await storage.record("purchase").write(record, undefined);
    if (written === undefined) throw new TypeError("a purchase was begun beside the pool");
    await this.told().catch(() => undefined); // the object's alarm comes back to it
    return true;
  }

  /** The pool knows that the pass is here. */
  private async told(): Promise<void> {
    await askPool(this.config, (pool) => pool.collected(this.place));
    await this.storage.notePool(false);
  }

  private shelf(): Shelf | undefined {
    const { claimType, sandbox } = this.subject;
    return claimType === null || sandbox === null ? undefined : { claimType, sandbox };
  }
}
