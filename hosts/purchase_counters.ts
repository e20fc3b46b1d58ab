/** The purchases of callers, counted in the database, in the place of the Durable Objects that do it on Cloudflare. */
import { type PurchaseCounter, secondsToNextDay, utcDay } from "../worker/purchase_limit.js";
import type { Db } from "./database.js";

export class PurchaseCounters {
  constructor(private readonly db: Db) {}

  get(caller: string): PurchaseCounter {
    const { db } = this;
    return {
      async take(slot, perDay) {
        const now = Date.now();
        const day = utcDay(now);
        const granted = db.transaction(() => {
          db.sql("DELETE FROM gateway_slots WHERE day < ?").run(day);
          if (db.sql("SELECT 1 AS found FROM gateway_slots WHERE day = ? AND caller = ? AND slot = ?").get(day, caller, slot)) return true;
          const { taken } = db.sql("SELECT count(*) AS taken FROM gateway_slots WHERE day = ? AND caller = ?").get(day, caller);
          if (taken >= perDay) return false;
          db.sql("INSERT INTO gateway_slots (day, caller, slot) VALUES (?, ?, ?)").run(day, caller, slot);
          return true;
        });
        return granted ? { granted } : { granted, retryAfterS: secondsToNextDay(now) };
      },
      async giveBack(slot) {
        db.sql("DELETE FROM gateway_slots WHERE day = ? AND caller = ? AND slot = ?").run(utcDay(Date.now()), caller, slot);
      },
    };
  }
}
