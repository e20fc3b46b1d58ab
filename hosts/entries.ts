/** The relay records, in the place of KV: a table whose rows expire. */
import type { RelayEntries } from "../worker/env.js";
import type { Db } from "./database.js";
import { logTrouble } from "./trouble.js";

/** What has expired is not read any more, and deleted so often. */
const SWEEP_MS = 60 * 60_000;

export class RelayEntriesTable implements RelayEntries {
  private timer: ReturnType<typeof setInterval> | null = null;

  constructor(private readonly db: Db) {}

  async get(name: string): Promise<string | null> {
    const row = this.db.sql("SELECT value FROM gateway_entries WHERE name = ? AND expires_at > ?").get(name, Date.now());
    return row?.value ?? null;
  }

  async put(name: string, value: string, { expirationTtl }: { expirationTtl: number }): Promise<void> {
    this.db
      .sql("INSERT INTO gateway_entries (name, value, expires_at) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at")
      .run(name, value, Date.now() + expirationTtl * 1000);
  }

  async delete(name: string): Promise<void> {
    this.db.sql("DELETE FROM gateway_entries WHERE name = ?").run(name);
  }

  /** Now, and from now on. */
  startSweeping(): void {
    this.sweep();
    this.timer = setInterval(() => this.sweep(), SWEEP_MS);
  }

  stopSweeping(): void {
    clearInterval(this.timer);
  }

  private sweep(): void {
    try {
      this.db.sql("DELETE FROM gateway_entries WHERE expires_at <= ?").run(Date.now());
    } catch (error) {
      logTrouble(error);
    }
  }
}
