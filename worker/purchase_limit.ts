/**
 * How many passes a caller may buy in a day (`PURCHASES_PER_DAY`): where that is counted, and what a day is.
 *
 * A purchase takes a *slot* of its caller before anything may be billed, and gives it back when nothing was. Who takes a slot
 * twice has it once.
 */
import type { ManagedConfig } from "./env.js";
import { GatewayError, storeUnavailable } from "./errors.js";

/** What the setting says. */
export interface PurchasesPerDay {
  readonly byCaller: ReadonlyMap<string, number>;
  /** For callers that are not listed; `undefined`: no limit. */
  readonly others: number | undefined;
}

/** The calls that the object of a caller takes. */
export interface PurchaseCounter {
  /** Takes a slot of today, if the caller has it or has one left. On disk when it answers. */
  take(slot: string, perDay: number): Promise<Taken>;
  /** Does nothing when the slot is not taken, or its day is over. */
  giveBack(slot: string): Promise<void>;
}

export type Taken = { readonly granted: true } | { readonly granted: false; readonly retryAfterS: number };

/** The slots of one caller. Both calls reject when what counts can't be reached; they may be repeated. */
export interface PurchaseLimit {
  /** Whether there is a limit now; without one, slots may only be given back. */
  readonly active: boolean;
  take(slot: string): Promise<Taken>;
  giveBack(slot: string): Promise<void>;
}

/** `undefined` when nothing is counted in this deployment. */
export function openPurchaseLimit({ purchasesPerDay, limits }: ManagedConfig, callerId: string): PurchaseLimit | undefined {
  if (limits === undefined) return undefined;
  const perDay = purchasesPerDay?.byCaller.get(callerId) ?? purchasesPerDay?.others;
  const counter = () => limits.get(limits.idFromName(`caller:${callerId}`)) as PurchaseCounter;
  /** An object that could not be reached, or was reset under the call by a deployment, is asked once more. */
  const reach = async <T>(ask: (counter: PurchaseCounter) => Promise<T>): Promise<T> => {
    try {
      return await ask(counter());
    } catch {
      return ask(counter());
    }
  };
  return {
    active: perDay !== undefined,
    take: async (slot) => (perDay === undefined ? { granted: true } : reach((object) => object.take(slot, perDay))),
    giveBack: (slot) => reach((object) => object.giveBack(slot)),
  };
}

/** What a caller is answered who has none left. */
export function purchaseLimitReached(retryAfterS: number): GatewayError {
  return new GatewayError(429, "purchase_limit_reached", "The purchases of this day are used up. Nothing was bought.", { retryAfterS });
}

/** Takes a slot for a purchase that no ledger object keeps. @throws GatewayError 429, or 503: what can't be counted is not bought */
export async function takeSlot(limit: PurchaseLimit, slot: string): Promise<void> {
  const taken = await limit.take(slot).catch(() => {
    throw storeUnavailable();
  });
  if (!taken.granted) throw purchaseLimitReached(taken.retryAfterS);
}

const DAY_MS = 24 * 60 * 60_000;

/** The UTC day of a time in Unix milliseconds, counted from 1970-01-01. */
export function utcDay(nowMs: number): number {
  return Math.floor(nowMs / DAY_MS);
}

/** When the next UTC day begins, in Unix milliseconds. */
export function nextDayAt(nowMs: number): number {
  return (utcDay(nowMs) + 1) * DAY_MS;
}

/** Seconds until the next UTC day, at least 1. */
export function secondsToNextDay(nowMs: number): number {
  return Math.ceil((nextDayAt(nowMs) - nowMs) / 1000);
}
