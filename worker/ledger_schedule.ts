/** When a ledger object wakes up by itself, and until when it keeps what it has. Pure. Times are in Unix milliseconds. */

/** Where one record stands: kept in the clear beside the sealed text, so that this can be decided without opening it. */
export interface Row {
  readonly name: string;
  readonly state: string;
  /** When the state began, or something was first sent. */
  readonly since: number | null;
  readonly inDoubt: boolean;
  readonly unsettled: boolean;
  readonly writtenAt: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/**
 * After the latest call of a caller, and so after the first send too, what is unsettled is asked about again. The upstream
 * remembers an idempotency key for 24 h, so the last is well before that.
 */
export const RECONCILE_AFTER_MS = [10_000, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 20 * HOUR] as const;

/** What is in doubt after the last of those is never thrown away, only complained about so often. */
export const REMINDER_MS = 30 * DAY;

/** A claim that was read or lost, and everything of its relay with it. */
export const RESULT_TTL_MS = 7 * DAY;

/** A pass that was not redeemed: as long as it lives (docs/protocol.md). One that can't be used is kept as long, or it would be bought again. */
export const PASS_TTL_MS = 90 * DAY;

/** What came to nothing. */
export const UNFINISHED_TTL_MS = 7 * DAY;

/** What was done under an `Idempotency-Key`, counted from its end: a day, and an hour for the upstream's day to be over. */
export const KEYED_TTL_MS = 25 * HOUR;

/** `moved` is remembered until no caller repeats a request any more that an object named under an older key could have. */
export const MOVED_TTL_MS = KEYED_TTL_MS;

export interface Waking {
  readonly why: "reconcile" | "redeem" | "remind" | "expire";
  readonly at: number;
}

/**
 * The next time; one to expire may be past. `calledAt`: when somebody last asked for something. `owesSlot`: a slot of the
 * day's purchases may have to be given back. `asksPool`: a pass that was bought ahead may be waiting to be collected.
 */
export function nextWaking(rows: readonly Row[], kind: "relay" | "key", calledAt: number, now: number, { owesSlot = false, asksPool = false } = {}): Waking {
  const other = nextBesides(rows, kind, calledAt, now, owesSlot, asksPool);
  const wanted = rows.find(({ name, state }) => name === "later" && state === "waiting");
  if (wanted === undefined) return other;
  const at = wanted.since ?? now;
  return other.why === "reconcile" && other.at < at ? other : { why: "redeem", at };
}

/** Besides a redemption that is wanted for later: before that, nothing of the relay is over. */
function nextBesides(rows: readonly Row[], kind: "relay" | "key", calledAt: number, now: number, owesSlot: boolean, asksPool: boolean): Waking {
  const unsettled = rows.filter((row) => row.unsettled);
  const step = RECONCILE_AFTER_MS.map((after) => calledAt + after).find((at) => at > now);
  if ((unsettled.length > 0 || owesSlot || asksPool) && step !== undefined) return { why: "reconcile", at: step };
  if (asksPool || unsettled.some((row) => row.inDoubt)) return { why: "remind", at: now + REMINDER_MS };
  return { why: "expire", at: expiry(rows, kind, calledAt) };
}

/**
 * The same of an object that can't be opened, for its key is gone or managed mode was left: nothing can be gone on with, and KV not
 * be told to forget its relay. Only what is over is thrown away then, and not before KV, which could have it bought for anew,
 * has forgotten the relay by itself: until then it is looked every week whether it can be opened, and deleted when it should have
 * been. The rest waits for its key: seldom, and at first so often that it is still within the upstream's day.
 */
export function wakingUnopened(waking: Waking, rows: readonly Row[], kind: "relay" | "key", calledAt: number, now: number): Waking {
  if (waking.why !== "expire") return { why: "reconcile", at: now + (now - calledAt < DAY ? HOUR : DAY) };
  // An entry is written when the relay is made, and again at most when that is repeated under the same Idempotency-Key.
  const forgotten = kind === "key" ? 0 : Math.max(calledAt, ...rows.map(({ writtenAt }) => writtenAt)) + PASS_TTL_MS + KEYED_TTL_MS;
  const at = Math.max(waking.at, forgotten);
  return at <= now ? { why: "expire", at } : { why: "reconcile", at: Math.min(at, now + RESULT_TTL_MS) };
}

const RESULTS = ["redeemed", "refunded", "lost"];

/** When everything is deleted, nothing being in doubt. */
function expiry(rows: readonly Row[], kind: "relay" | "key", calledAt: number): number {
  const began = (row: Row) => row.since ?? row.writtenAt;
  const written = rows.map(({ writtenAt }) => writtenAt);
  if (kind === "key") return Math.max(...(rows.length > 0 ? written : [calledAt])) + KEYED_TTL_MS;
  const result = rows.find(({ state }) => RESULTS.includes(state));
  if (result !== undefined) return began(result) + RESULT_TTL_MS;
  const pass = rows.find(({ state }) => state === "issued" || state === "unusable");
  if (pass !== undefined) return began(pass) + PASS_TTL_MS;
  return Math.max(calledAt, ...written) + UNFINISHED_TTL_MS;
}
