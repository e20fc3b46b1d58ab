/**
 * One top-up of the passes bought ahead: goes on with what is unfinished, throws away what is old, buys what is missing. Each
 * slot is bought by the SDK's machine over a record of its own, durable before anything leaves, and under an idempotency key of
 * its own: whatever dies, the next top-up goes on with the same slot.
 *
 * It does not insist. The first failure ends it for that claim type; and a purchase that may have been billed for nothing keeps
 * its claim type from buying for a day, or a Persona that fails would be paid again by every top-up.
 */
import { type RecordStore, describePurchase } from "../pkg/workerd.js";
import { type ManagedConfig, isSandboxKey } from "./env.js";
import { noteError } from "./errors.js";
import { refused } from "./ledger_client.js";
import { answering } from "./ledger_outcomes.js";
import type { Outcome, Standing } from "./ledger_protocol.js";
import { type LogFields, writePoolLog } from "./log.js";
import type { Shelf } from "./pool_protocol.js";
import type { PoolHome, PoolTable, Slot } from "./pool_table.js";
import { type SealingKey, deriveIdempotencySecret, seal, unseal } from "./seal.js";
import { explain, payingPersona } from "./upstream.js";

/** Purchases of one top-up: with their challenges, fewer calls than the 50 that an invocation may make on Cloudflare's free plan. */
export const MOST_PURCHASES = 20;

/** So long after its start it begins no other purchase. */
const BEGIN_WITHIN_MS = 2 * 60_000;

/** A purchase that nobody knows the end of, for good. The others of its claim type are not held up by it, once it is old enough. */
const GIVEN_UP = "purchase_unknown";

interface WantedShelf extends Shelf {
  readonly wanted: number;
}

/** The shelves that the settings name, in the environment of the API key, and all others of which there is anything. */
export function shelvesOf({ passPool, apiKey }: ManagedConfig, table: PoolTable): WantedShelf[] {
  const sandbox = isSandboxKey(apiKey);
  const wanted = [...(passPool ?? [])].map(([claimType, size]) => ({ claimType, sandbox, wanted: size }));
  const others = table.shelves().filter((shelf) => !wanted.some(({ claimType }) => claimType === shelf.claimType && sandbox === shelf.sandbox));
  return [...wanted, ...others.map((shelf) => ({ ...shelf, wanted: 0 }))];
}

/** What a record is bound to when it is sealed. */
export function sealedName(place: string, slot: string): string {
  return `${place}/slot/${slot}`;
}

export class PoolTopUp {
  private left = MOST_PURCHASES;
  private readonly startedAt = Date.now();

  /** `keys`: the first seals, all open. `isStopped`: it is to begin no other purchase. */
  constructor(
    private readonly config: ManagedConfig,
    private readonly home: PoolHome,
    private readonly table: PoolTable,
    private readonly keys: readonly SealingKey[],
    private readonly isStopped: () => boolean,
  ) {}

  async run(): Promise<void> {
    const { home, table } = this;
    const old = await home.commit(() => table.sweep(Date.now()));
    for (const { count, ...shelf } of old) writePoolLog("warn", { code: "pass_thrown_away", ...shelf, count });
    const thrownAway = ({ claimType, sandbox }: Shelf) => old.find((shelf) => shelf.claimType === claimType && shelf.sandbox === sandbox)?.count ?? 0;

    // What is of another environment, this API key can't pay for.
    const shelves = shelvesOf(this.config, table).filter(({ sandbox }) => sandbox === isSandboxKey(this.config.apiKey));
    const runs = shelves.map((shelf) => ({ shelf, bought: 0, code: null as string | null, over: false }));
    for (const run of runs) {
      for (const slot of table.unfinished(run.shelf)) {
        if (run.over || !this.mayBegin()) break;
        await this.buy(run, slot);
      }
    }
    // In turns, so that a large shelf does not keep the others waiting.
    for (let busy = true; busy; ) {
      busy = false;
      for (const run of runs) {
        const { filled, doubtful } = table.fill(run.shelf, Date.now());
        if (run.over || doubtful || filled >= run.shelf.wanted || !this.mayBegin()) continue;
        busy = true;
        const { claimType, sandbox } = run.shelf;
        await this.buy(run, { slot: crypto.randomUUID(), claimType, sandbox, state: "none" });
      }
    }
    const at = Date.now();
    await home.commit(() => {
      for (const { shelf, bought, code } of runs) table.noteTopUp(shelf, { at, bought, thrownAway: thrownAway(shelf), code });
    });
    for (const { shelf: { claimType, sandbox }, bought } of runs) if (bought > 0) writePoolLog("info", { code: "topped_up", claimType, sandbox, count: bought });
  }

  private mayBegin(): boolean {
    return !this.isStopped() && this.left > 0 && Date.now() - this.startedAt < BEGIN_WITHIN_MS;
  }

  /** Buys the pass of a slot, or goes on buying it. */
  private async buy(run: { bought: number; code: string | null; over: boolean }, slot: Slot): Promise<void> {
    this.left -= 1;
    const outcome = await answering(() => this.drive(slot));
    if (outcome.ok) {
      run.bought += 1;
      return;
    }
    const log: LogFields = { method: "" };
    noteError(log, this.explained(outcome));
    const { code = "internal", mend, upstreamRequestId, fault } = log;
    run.code = code;
    run.over = code !== GIVEN_UP;
    // What was given up is told by its first top-up only.
    if (code === GIVEN_UP && slot.state === "unknown") return;
    const loud = mend !== undefined || fault !== undefined || ("failure" in outcome && outcome.failure.statusCode < 429);
    const { claimType, sandbox } = slot;
    writePoolLog(loud ? "error" : "warn", { code, claimType, sandbox, ...(upstreamRequestId !== undefined && { upstreamRequestId }), ...(mend !== undefined && { mend }), ...(fault !== undefined && { fault }) });
  }

  private async drive({ slot, claimType, sandbox, state }: Slot) {
    const { config } = this;
    // What is refused for good may be bought anew; what may be billed is gone on with, and no more.
    const byItself = state === "sent" || state === "unknown";
    const idempotencySecret = await deriveIdempotencySecret(config.idempotencyKey, `pool\0${slot}`);
    const record = this.record({ slot, claimType, sandbox });
    await payingPersona(config, config.apiKey).relays.issuePrivacyPass({ claimType, sandbox }, { record, idempotencySecret, byItself });
    return { replayed: false };
  }

  /** One record, for the SDK. Its version counts the writes. */
  private record(slot: Omit<Slot, "state">): RecordStore {
    const { home, table } = this;
    const name = sealedName(home.place, slot.slot);
    return {
      read: async () => {
        const row = table.record(slot.slot);
        return row && { text: await unseal(this.keys, name, row.sealed), version: row.version };
      },
      write: async (text, version) => {
        const sealed = await seal(this.keys[0] as SealingKey, name, text); // STORE_KEYS has at least one
        return home.commit(() => table.writeRecord(slot, sealed, describePurchase(text) as Standing, version as number | undefined, Date.now()));
      },
    };
  }

  private explained(outcome: Exclude<Outcome<unknown>, { ok: true }>): Error {
    return "failure" in outcome ? explain(outcome.failure, this.config, { call: "purchase", relay: false }) : refused(outcome.refusal);
  }
}
