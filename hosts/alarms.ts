/** The alarms, in the place of those of Durable Objects: rows of the database, which outlive the process, and one timer. */
import type { Db } from "./database.js";
import { logTrouble } from "./trouble.js";

/** After a long stop many are due. */
const AT_ONCE = 8;

/** The timer looks at least so often, so that a clock that was set, or a machine that slept, delays nothing for long. */
const LOOK_AT_LEAST_MS = 60_000;

/** When an object could not see to its next alarm by itself, or the database failed. */
const RETRY_MS = 60_000;

export class AlarmClock {
  private readonly ringing = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private timerAt = Infinity;
  private started = false;

  /** `ring` is to set the next alarm of the object, or to delete all of it. */
  constructor(private readonly db: Db, private readonly ring: (object: string) => Promise<void>) {}

  /** What was due while no process ran is rung now. */
  start(): void {
    this.started = true;
    this.look();
  }

  stop(): void {
    this.started = false;
    clearTimeout(this.timer);
  }

  /** To be called when an alarm was set. */
  changed(at: number): void {
    // With as many under way as there may be, the end of one of them looks.
    if (this.started && at < this.timerAt && this.ringing.size < AT_ONCE) this.setTimer(at);
  }

  /** Rings what is due, and sets the timer for what is next. */
  private look(): void {
    try {
      const now = Date.now();
      const next: { object: string; at: number }[] = this.db.sql("SELECT object, at FROM gateway_alarms ORDER BY at LIMIT ?").all(2 * AT_ONCE);
      for (const { object, at } of next) {
        if (this.ringing.size >= AT_ONCE) return;
        if (this.ringing.has(object)) continue;
        if (at > now) return this.setTimer(at);
        void this.ringOne(object, at);
      }
      this.setTimer(Infinity);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Never rejects. The row stays while the object works: should we die meanwhile, it is what rings again. */
  private async ringOne(object: string, at: number): Promise<void> {
    this.ringing.add(object);
    let trouble: unknown;
    await this.ring(object).catch((error: unknown) => (trouble = error ?? new Error()));
    this.ringing.delete(object);
    try {
      // If the object has not set another: or this one would ring without end.
      if (this.started || trouble === undefined) this.db.sql("UPDATE gateway_alarms SET at = ? WHERE object = ? AND at = ?").run(Date.now() + RETRY_MS, object, at);
    } catch (error) {
      trouble ??= error;
    }
    if (!this.started) return;
    if (trouble === undefined) this.look();
    else this.failed(trouble);
  }

  private failed(error: unknown): void {
    logTrouble(error);
    this.setTimer(Date.now() + RETRY_MS);
  }

  private setTimer(at: number): void {
    clearTimeout(this.timer);
    this.timerAt = Math.min(at, Date.now() + LOOK_AT_LEAST_MS);
    this.timer = setTimeout(() => {
      this.timerAt = Infinity;
      this.look();
    }, Math.max(0, this.timerAt - Date.now()));
  }
}
