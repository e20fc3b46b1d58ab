/** The passes bought ahead: their rows in the database, and a clock in the place of the cron trigger. */
import type { Env } from "../worker/env.js";
import { topUpPool } from "../worker/pool_client.js";
import type { PoolHome } from "../worker/pool_table.js";
import type { Db } from "./database.js";
import { logTrouble } from "./trouble.js";

export function poolHome(db: Db, place: string): PoolHome {
  return {
    place,
    query: (statement, ...values) => db.sql(statement).all(...values),
    commit: async (work) => db.transaction(work),
  };
}

/** As the cron trigger of wrangler.toml has it. */
const TOP_UP_EVERY_MS = 60 * 60_000;

/** It looks so often whether it is time, so that a clock that was set, or a machine that slept, delays nothing for long. */
const LOOK_EVERY_MS = 60_000;

export class PoolClock {
  private timer: ReturnType<typeof setInterval> | null = null;

  /** `doing` is told what is under way. */
  constructor(private readonly env: Env, private readonly db: Db, private readonly doing: (work: Promise<void>) => Promise<void>) {}

  /** What was due while no process ran is done now, and so is the first. */
  start(): void {
    if (this.env.PASS_POOL === undefined) return;
    this.db.sql("CREATE TABLE IF NOT EXISTS gateway_pool_clock (only INTEGER PRIMARY KEY, at INTEGER NOT NULL)").run();
    this.look();
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.timer);
  }

  private look(): void {
    try {
      const now = Date.now();
      const last: number = this.db.sql("SELECT at FROM gateway_pool_clock").get()?.at ?? 0;
      if (last <= now && now - last < TOP_UP_EVERY_MS) return;
      this.db.sql("INSERT INTO gateway_pool_clock (only, at) VALUES (1, ?) ON CONFLICT (only) DO UPDATE SET at = excluded.at").run(now);
      void this.doing(topUpPool(this.env));
    } catch (error) {
      logTrouble(error);
    }
  }
}
