/**
 * Redemptions at a time of their own (`REDEEM_DELAY_S`): what a caller asks for is only noted, durably, and an alarm of the
 * ledger object redeems it at a random time later on. So the redemption is made by no inbound request: it has no caller's
 * address, and its time says little about when the caller asked. What is sent, and how often, is up to the redemption's own
 * record as ever (docs/exactly-once.md); this note decides only when.
 */
import type { RedeemDelay } from "./egress.js";
import type { Failure } from "./ledger_protocol.js";
import { Failed } from "./ledger_outcomes.js";
import type { LedgerStorage } from "./ledger_storage.js";

/** The text of the record `later`. Sealed, for it has the pass. */
export interface Later {
  readonly v: 1;
  /** `waiting` for its time; `ran`, with a failure that nobody was told yet; `told`: the next call notes anew. */
  readonly state: "waiting" | "ran" | "told";
  /** When it is to be redeemed, in Unix milliseconds. */
  readonly at: number;
  /** The pass that the caller brought. */
  readonly pass: string | null;
  /** Nobody asked: go on with what is in doubt, and make no new attempt. */
  readonly byItself: boolean;
  readonly failure?: Failure;
}

/** Nothing is sent any more: the record answers. */
const SETTLED = ["redeemed", "refunded", "lost"];

/**
 * A caller wants the claim. Answers when it is there, in the redemption's record; else notes the wish and says so, or says
 * what came of the last one.
 *
 * @throws Failed
 */
export async function claimLater(storage: LedgerStorage, delay: RedeemDelay, pass: string | null): Promise<void> {
  for (;;) {
    const state = (await storage.standing("redemption"))?.state ?? "none";
    if (SETTLED.includes(state)) return;
    const { was, write } = await read(storage);
    const wish = { v: 1, pass: pass ?? was?.pass ?? null, byItself: false } as const;
    const again = { ...wish, state: "waiting", at: randomTime(delay) } as const;
    if (was?.state === "waiting") {
      const same = was.pass === wish.pass && !was.byItself;
      if (same || (await write({ ...was, ...wish }))) throw new Failed(notYet(was.at));
    } else if (was?.state === "ran" && was.failure !== undefined) {
      // A redemption that was sent goes on; one that was refused for good is made again when somebody asks again.
      const goesOn = state === "sent";
      const failure = goesOn ? { ...was.failure, retryAfter: secondsUntil(again.at) } : was.failure;
      if (await write(goesOn ? again : { ...wish, state: "told", at: was.at, pass: null })) throw new Failed(failure);
    } else if (await write(again)) {
      throw new Failed(notYet(again.at));
    }
  }
}

/** Something is in doubt, and nobody may come to ask: ask again at another such time. */
export async function claimLaterByItself(storage: LedgerStorage, delay: RedeemDelay): Promise<void> {
  const { was, write } = await read(storage);
  if (was?.state === "waiting") return;
  // If somebody else has written, they want it too.
  await write({ v: 1, state: "waiting", at: randomTime(delay), pass: was?.pass ?? null, byItself: true });
}

/** What is to be redeemed now. */
export async function claimDue(storage: LedgerStorage, now: number): Promise<Later | undefined> {
  const { was } = await read(storage);
  return was?.state === "waiting" && was.at <= now ? was : undefined;
}

/** Keeps what came of it, for who asked. A claim is in the redemption's record. */
export async function claimRan(storage: LedgerStorage, { pass, at }: Later, failure: Failure | undefined): Promise<void> {
  for (;;) {
    const { write } = await read(storage);
    if (await write({ v: 1, state: "ran", at, pass, byItself: false, ...(failure !== undefined && { failure }) })) return;
  }
}

/** The pass that a caller brought for later, if redemptions are made at once again. */
export async function notedPass(storage: LedgerStorage): Promise<string | undefined> {
  return (await read(storage)).was?.pass ?? undefined;
}

async function read(storage: LedgerStorage) {
  const record = storage.record("later");
  const row = await record.read();
  return {
    was: row === undefined ? undefined : (JSON.parse(row.text) as Later),
    /** Whether nobody else has written meanwhile. */
    write: async (later: Later) => (await record.write(JSON.stringify(later), row?.version)) !== undefined,
  };
}

/** Any millisecond of the range, each as likely as the others. */
function randomTime({ min, max }: RedeemDelay): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return Date.now() + Math.round(1000 * (min + (max - min) * (random / 2 ** 32)));
}

/** Where upstream's own "not ready" goes, for a caller is to do the same: wait, and ask again. */
function notYet(at: number): Failure {
  const details = "the gateway redeems at a time of its own; ask again";
  return { statusCode: 403, code: "claim_not_ready", title: "The claim is not there yet.", details, origin: "upstream", retryAfter: secondsUntil(at) };
}

/** With a second for the redemption itself. */
function secondsUntil(at: number): number {
  return Math.max(0, Math.ceil((at - Date.now()) / 1000)) + 1;
}
