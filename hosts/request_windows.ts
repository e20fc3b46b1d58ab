/** Requests a minute, counted in the process in windows of one minute, in the place of Cloudflare's rate limit binding. */
import { ADDRESS, type RequestLimiter } from "../worker/request_limit.js";

const WINDOW_MS = 60_000;

export class RequestWindows implements RequestLimiter {
  private window = 0;
  private readonly counts = new Map<string, number>();

  constructor(private readonly perMinute: number) {}

  async limit({ key }: { key: string }): Promise<{ success: boolean }> {
    const window = Math.floor(Date.now() / WINDOW_MS);
    if (window !== this.window) this.counts.clear();
    this.window = window;
    // There is no address that a caller could not make up: whoever is not known is one.
    const who = key.startsWith(ADDRESS) ? ADDRESS : key;
    const count = (this.counts.get(who) ?? 0) + 1;
    if (count > this.perMinute) return { success: false };
    this.counts.set(who, count);
    return { success: true };
  }
}
