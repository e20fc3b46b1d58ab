/**
 * The passes bought ahead: one object for the whole deployment, as long as its upstream is the same. Who takes a pass has it
 * bound to them before anybody uses it, and is answered the same when they ask again (docs/exactly-once.md, "Passes bought
 * ahead"). It is topped up by a clock, and never by a take, so that no purchase is near a redemption in time.
 */
import { ConfigError, type Env, type ManagedConfig, readConfig } from "./env.js";
import { describeFault } from "./errors.js";
import { Refused, answering } from "./ledger_outcomes.js";
import type { Outcome } from "./ledger_protocol.js";
import { writePoolLog } from "./log.js";
import type { Pool, Shelf, ShelfView } from "./pool_protocol.js";
import { type PoolHome, PoolTable } from "./pool_table.js";
import { PoolTopUp, sealedName, shelvesOf } from "./pool_top_up.js";
import { type SealingKey, UnsealError, deriveKeys, isSealedUnder, unseal } from "./seal.js";

export class PassPool implements Pool {
  private readonly table: PoolTable;
  private keys: Promise<readonly SealingKey[]> | undefined;
  /** Who wants a top-up joins the one under way. In the object: see relay_ledger.ts. */
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(private readonly env: Env, private readonly home: PoolHome) {
    this.table = new PoolTable(home);
  }

  take(taker: string, shelf: Shelf, { ifBound }: { ifBound: boolean }): Promise<Outcome<{ record: string | null }>> {
    return answering(async () => {
      for (let unreadable = 0; ; ) {
        const now = Date.now();
        const had = this.table.answered(taker, now);
        if (had !== undefined) return { record: had === null ? null : await this.open(had), replayed: true };
        const next = ifBound ? undefined : this.table.oldest(shelf, now, unreadable);
        // Opened before it is bound: what can't be is to be nobody's.
        const record = next === undefined ? null : await this.open(next).catch(unlessUnreadable);
        if (record === undefined) {
          unreadable += 1; // those before it are gone, or as unreadable
          continue;
        }
        if (!(await this.home.commit(() => this.table.bind(taker, next ?? null, now)))) continue;
        if (unreadable > 0) writePoolLog("error", { code: "stored_record_invalid", ...shelf, count: unreadable, mend: [UNREADABLE] });
        return { record, replayed: false };
      }
    });
  }

  async collected(taker: string): Promise<void> {
    await this.home.commit(() => this.table.collected(taker, Date.now()));
  }

  topUp(): Promise<void> {
    return (this.running ??= this.runTopUp().finally(() => (this.running = undefined)));
  }

  /** Has the top-up that is under way end with the purchase that is, and none begin. */
  stop(): void {
    this.stopped = true;
  }

  async view(): Promise<ShelfView[]> {
    const config = this.config();
    const keys = await this.openKeys(config);
    const now = Date.now();
    return shelvesOf(config, this.table).map(({ claimType, sandbox, wanted }) => {
      const shelf = { claimType, sandbox };
      const ready = this.table.ready(shelf, now).filter(({ sealed }) => isSealedUnder(keys, sealed));
      const { buying, inDoubt, bound } = this.table.count(shelf);
      const [oldest, newest] = [ready.at(0)?.since ?? null, ready.at(-1)?.since ?? null];
      return { ...shelf, wanted, ready: ready.length, buying, inDoubt, bound, oldest, newest, lastTopUp: this.table.lastTopUp(shelf) };
    });
  }

  private async runTopUp(): Promise<void> {
    try {
      const config = this.config();
      await new PoolTopUp(config, this.home, this.table, await this.openKeys(config), () => this.stopped).run();
    } catch (error) {
      const problems = error instanceof Refused && error.refusal.why === "misconfigured" ? error.refusal.problems : undefined;
      writePoolLog("error", problems === undefined ? { code: "internal", fault: describeFault(error) } : { code: "misconfigured", mend: [...problems] });
    }
  }

  /** The record of a slot, as one of a purchase in its first attempt. */
  private async open(slot: string): Promise<string> {
    const row = this.table.record(slot);
    if (row === undefined) throw new UnsealError("gone");
    const text = await unseal(await this.openKeys(this.config()), sealedName(this.home.place, slot), row.sealed);
    return JSON.stringify({ ...(JSON.parse(text) as object), attempt: 0 });
  }

  private openKeys({ storeKeys }: ManagedConfig): Promise<readonly SealingKey[]> {
    return (this.keys ??= deriveKeys(storeKeys));
  }

  private config(): ManagedConfig {
    const config = readConfig(this.env);
    if (config instanceof ConfigError) throw new Refused({ why: "misconfigured", problems: config.problems });
    if (config.mode !== "managed") throw new Refused({ why: "misconfigured", problems: ["the pool of passes needs managed mode"] });
    return config;
  }
}

function unlessUnreadable(error: unknown): undefined {
  if (!(error instanceof UnsealError)) throw error;
}

const UNREADABLE = "POOL: a pass can't be opened: it was altered, or STORE_KEYS lacks the key it was sealed under";
