/** The purchases of one caller, counted on Cloudflare: a SQLite Durable Object per caller. */
import { DurableObject } from "cloudflare:workers";
import type { Env } from "./env.js";
import { type PurchaseCounter, type Taken, nextDayAt, secondsToNextDay, utcDay } from "./purchase_limit.js";

export class CallerLimits extends DurableObject<Env> implements PurchaseCounter {
  /** Without an await in between, so it is one step to everybody else. The answer waits for the disk (the output gate). */
  async take(slot: string, perDay: number): Promise<Taken> {
    const now = Date.now();
    const day = utcDay(now);
    this.prepare();
    const { sql } = this.ctx.storage;
    if (sql.exec("SELECT 1 FROM slots WHERE day = ? AND slot = ?", day, slot).toArray().length > 0) return { granted: true };
    const [row] = sql.exec<{ taken: number }>("SELECT taken FROM days WHERE day = ?", day).toArray();
    if ((row?.taken ?? 0) >= perDay) return { granted: false, retryAfterS: secondsToNextDay(now) };
    sql.exec("INSERT INTO slots (day, slot) VALUES (?, ?)", day, slot);
    sql.exec("INSERT INTO days (day, taken) VALUES (?, 1) ON CONFLICT (day) DO UPDATE SET taken = taken + 1", day);
    if (row === undefined) void this.ctx.storage.setAlarm(nextDayAt(now));
    return { granted: true };
  }

  async giveBack(slot: string): Promise<void> {
    this.prepare();
    const day = utcDay(Date.now());
    const { sql } = this.ctx.storage;
    if (sql.exec("DELETE FROM slots WHERE day = ? AND slot = ? RETURNING 1", day, slot).toArray().length === 0) return;
    sql.exec("UPDATE days SET taken = taken - 1 WHERE day = ?", day);
  }

  /** The day is over. */
  override async alarm(): Promise<void> {
    this.prepare();
    const { sql } = this.ctx.storage;
    for (const table of ["slots", "days"]) sql.exec(`DELETE FROM ${table} WHERE day < ?`, utcDay(Date.now()));
  }

  private prepare(): void {
    this.ctx.storage.sql.exec(`
      CREATE TABLE IF NOT EXISTS slots (day INTEGER NOT NULL, slot TEXT NOT NULL, PRIMARY KEY (day, slot)) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY, taken INTEGER NOT NULL);`);
  }
}
