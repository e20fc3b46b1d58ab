/**
 * The ledger: one object per relay, or per `Idempotency-Key`, which decides what happens at most once
 * (docs/exactly-once.md). The SDK's machines run in here, over the rows of the object's home: work goes on when the client
 * that asked for it is gone, and an alarm asks again about what was left in doubt. Of each object there is one at a time.
 */
import { type DurablePurchase, type Persona, PersonaError } from "../pkg/workerd.js";
import { withoutEchoes } from "./echo.js";
import { ConfigError, type Env, type ManagedConfig, readConfig } from "./env.js";
import { LEDGER_UNREADABLE, describeFault } from "./errors.js";
import type { LedgerHome } from "./ledger_home.js";
import { Failed, Refused, answering, isCallersMistake, plain, refusalOf, refusing } from "./ledger_outcomes.js";
import type { KeyedSubject, Ledger, MadeRelay, Outcome, RelaySubject, Subject, View } from "./ledger_protocol.js";
import { type KeptSubject, LedgerStorage } from "./ledger_storage.js";
import { writeAlarmLog } from "./log.js";
import { passOfRecord } from "./pass_of_record.js";
import { PoolTake } from "./pool_take.js";
import { openPurchaseLimit } from "./purchase_limit.js";
import { purchaseParams, uniqueName } from "./purchase_params.js";
import { PurchaseSlot, attemptBegun } from "./purchase_slot.js";
import { claimDue, claimLater, claimLaterByItself, claimRan, notedPass } from "./redeem_later.js";
import { openRelayStore } from "./relay_records.js";
import { deriveIdempotencySecret, deriveKeys } from "./seal.js";
import { anonymousPersona, payingPersona } from "./upstream.js";

/** How long a request with an `Idempotency-Key` waits for another with the same key. */
const JOIN_MS = 20_000;

/** Until the next try when an alarm could not do its work, such as when KV does not answer. */
const ALARM_RETRY_MS = 10 * 60_000;

/** What an operator has to know of even when nobody asked. */
const LOUD = ["purchase_unknown", "claim_lost", "blind_signature_invalid"];

/** Why a machine is set going, if nobody simply wants the result. */
type Why = Pick<DurablePurchase, "allowedAgain" | "byItself">;
const BY_ITSELF: Why = { byItself: true };

/** The states of a record in which nothing has come to be. Of a record that is not here: `none`. */
const NOTHING: Readonly<Record<string, readonly string[]>> = { redemption: ["ready", "rejected"], later: ["told"] };

/** How a redemption stands that was not sent yet. */
const WAITING = { state: "waiting", attempt: 0, inDoubt: false, unsettled: false } as const;

/** What the redemption of an alarm is about: no caller's, so that a caller waits for it and then asks the record. */
const BY_ALARM = "\0alarm";

type Operation = "purchase" | "redemption" | "creation";

interface Running {
  /** What the runs that may be joined have in common. */
  readonly about: string;
  /** Never rejects. */
  readonly done: Promise<Outcome<unknown>>;
}

export class RelayLedger implements Ledger {
  /**
   * What is under way: who wants the same joins it. In the object and not in the Worker's globals, where a request that is
   * cancelled would leave those that wait for it hanging; and not `blockConcurrencyWhile`, which would hold up all else.
   */
  private readonly running = new Map<Operation, Running>();
  private opened: Promise<LedgerStorage> | undefined;

  constructor(private readonly env: Env, private readonly home: LedgerHome) {}

  buy(subject: Subject, { allowAgain }: { allowAgain: boolean }): Promise<Outcome<{ privacyPassToken: string }>> {
    return this.run(subject, "purchase", allowAgain ? "allow again" : "", async (kept, storage) => {
      if (allowAgain) await mustNeedLeave(storage);
      return this.drivePurchase(kept, storage, { allowedAgain: allowAgain });
    });
  }

  redeem(subject: RelaySubject, sent: string | null): Promise<Outcome<{ claimPayload: string; tokenConsumed: boolean }>> {
    return this.run(subject, "redemption", sent ?? "", async (kept, storage) => {
      if (sent === null) await this.running.get("purchase")?.done; // its pass is what is to be redeemed
      const privacyPassToken = sent ?? (await this.boughtPass(kept, storage)) ?? (await notedPass(storage));
      if (privacyPassToken === undefined && (await storage.text("redemption")) === undefined) throw new Refused({ why: "no-pass" });
      const { delay } = this.config().egress;
      if (delay !== undefined) await claimLater(storage, delay, sent);
      return this.driveRedemption(kept, storage, privacyPassToken);
    });
  }

  create(subject: KeyedSubject, encryptionKeyPem: string | null): Promise<Outcome<MadeRelay>> {
    return this.run(subject, "creation", "", async (_, storage) => {
      const made = await storage.text("creation");
      if (made !== undefined) return { ...(JSON.parse(made) as MadeRelay), replayed: true };
      const { claimType, sandbox } = subject;
      const relay = await anonymousPersona(this.config()).relays.create({ claimType, encryptionKeyPem, sandbox });
      const value = { ...relay, createdAt: new Date().toISOString() };
      await storage.record("creation").write(JSON.stringify(value), undefined);
      return { ...value, replayed: false };
    });
  }

  view(callerId: string): Promise<Outcome<View>> {
    return answering(async () => {
      const storage = await this.open();
      const subject = await storage.subject();
      if (subject !== undefined && (subject.kind !== "relay" || subject.callerId !== callerId)) throw new Refused({ why: "foreign" });
      const [purchase, redemption, later] = await Promise.all([storage.standing("purchase"), storage.standing("redemption"), storage.standing("later")]);
      return { subject, purchase, redemption: redemption ?? (later?.state === "waiting" ? WAITING : undefined), replayed: false };
    });
  }

  async hasStarted(): Promise<boolean> {
    return (await this.open()).startedOrNever();
  }

  /** May come at any time and more than once: it goes on with what is unsettled, and deletes only what is nobody's any more. */
  async alarm(): Promise<void> {
    try {
      await this.reconcile();
    } catch (error) {
      // Thrown on, the runtime would repeat it a few times and then never again.
      const refusal = refusalOf(error);
      if (refusal?.why === "unreadable") await this.putOff({ code: "stored_record_invalid", mend: [LEDGER_UNREADABLE] });
      else if (refusal?.why === "misconfigured") await this.putOff({ code: "misconfigured", mend: [...refusal.problems] });
      else {
        writeAlarmLog({ code: "internal", fault: describeFault(error) });
        await this.home.setAlarm(Date.now() + ALARM_RETRY_MS);
      }
    }
  }

  /** What can't be opened is complained about and looked at again later; what of it is over is deleted. */
  private async putOff(complaint: { code: string; mend: string[] }): Promise<void> {
    const storage = (await this.opened) ?? new LedgerStorage(this.home, []);
    const { why, at } = storage.wakingUnopened(Date.now());
    if (why === "expire" && this.running.size === 0) return storage.wipe();
    writeAlarmLog(complaint);
    await this.home.setAlarm(Math.max(at, Date.now() + ALARM_RETRY_MS));
  }

  private async reconcile(): Promise<void> {
    const storage = await this.open();
    const subject = await storage.subject();
    const relay = subject?.kind === "relay" ? await openRelayStore(this.config()) : undefined;
    const logId = subject?.kind === "relay" ? await relay?.logId(subject.relayToken) : undefined;
    const log = { ...(subject && { caller: subject.callerId }), ...(logId !== undefined && { relay: logId }) };
    if (subject !== undefined && !isDue(storage)) {
      const { delay } = this.config().egress;
      const made = await this.redeemDue(subject, storage);
      const outcomes: (Outcome<unknown> | undefined)[] = [made];
      for (const { name, unsettled } of storage.rows()) {
        if (!unsettled) continue;
        if (name === "purchase") outcomes.push(await this.join("purchase", "", () => this.drivePurchase(subject, storage, BY_ITSELF)));
        else if (delay === undefined) outcomes.push(await this.join("redemption", "", () => this.driveRedemption(subject, storage, undefined, BY_ITSELF)));
        else if (made === undefined) await claimLaterByItself(storage, delay);
      }
      for (const outcome of outcomes) {
        if (outcome === undefined || outcome.ok) continue;
        if ("refusal" in outcome) {
          if (outcome.refusal.why === "unreadable") writeAlarmLog({ ...log, code: "stored_record_invalid", mend: [LEDGER_UNREADABLE] });
        } else if (LOUD.includes(outcome.failure.code)) writeAlarmLog({ ...log, code: outcome.failure.code });
      }
    }
    if (subject !== undefined && storage.asksPool) {
      const pool = this.pool(subject, storage);
      await this.join("purchase", "collect", async () => ({ settled: await pool.settle(), replayed: false }));
    }
    if (subject !== undefined && storage.slotOf !== undefined) {
      // After a purchase that is under way, and never during one.
      const slot = this.slot(subject, storage);
      await this.join("purchase", "settle", async () => ({ settled: await slot.settle(), replayed: false }));
    }
    if (storage.waking(Date.now()).why === "remind") {
      const mend = storage.rows().filter((row) => row.inDoubt).map(({ name }) => `nobody knows what came of the ${name}; ask Persona`);
      if (storage.asksPool) mend.push("POOL does not say whether a pass is bound to this; see that it is bound in wrangler.toml and answers");
      writeAlarmLog({ ...log, code: "still_in_doubt", mend });
    }
    if (isDue(storage)) {
      // Not only here: what KV still shows could be bought for anew.
      if (subject?.kind === "relay") await relay?.forgetRelay(subject.relayToken);
      if (this.running.size === 0 && isDue(storage)) return storage.wipe();
      return this.home.setAlarm(Date.now() + ALARM_RETRY_MS);
    }
    await storage.schedule();
  }

  /** Runs an operation for whoever the object belongs to. */
  private run<T extends object>(subject: Subject, operation: Operation, about: string, drive: (kept: KeptSubject, storage: LedgerStorage) => Promise<T & { replayed: boolean }>): Promise<Outcome<T>> {
    return refusing<T>(async () => {
      const storage = await this.open();
      let kept = await storage.startFor(subject);
      // Everything may have been deleted while the subject was being opened.
      while (kept !== undefined && !storage.started()) kept = await storage.startFor(subject);
      if (kept === undefined) throw new Refused({ why: "moved" });
      if (kept.kind !== subject.kind || kept.callerId !== subject.callerId) throw new Refused({ why: "foreign" });
      if (kept.kind === "key" && subject.kind === "key" && kept.fingerprint !== subject.fingerprint) throw new Refused({ why: "reused" });
      storage.called();
      const limitMs = kept.kind === "key" ? JOIN_MS : undefined;
      const outcome = await this.join<T>(operation, about, () => drive(kept, storage), limitMs);
      if (isCallersMistake(outcome)) await this.forgetMistake(kept, storage);
      return outcome;
    });
  }

  /**
   * Joins the run of an operation that is under way, or starts one. A run about something else, such as another pass, is
   * waited for.
   */
  private async join<T extends object>(operation: Operation, about: string, drive: () => Promise<T & { replayed: boolean }>, limitMs?: number): Promise<Outcome<T>> {
    for (let current = this.running.get(operation); current !== undefined; current = this.running.get(operation)) {
      const outcome = await (limitMs === undefined ? current.done : Promise.race([current.done, later(limitMs)]));
      if (outcome === undefined) throw new Refused({ why: "busy" });
      if (current.about === about) return (outcome.ok ? { ...outcome, replayed: true } : outcome) as Outcome<T>;
    }
    const done = answering<T>(drive).finally(() => this.running.delete(operation));
    this.running.set(operation, { about, done });
    return done;
  }

  private async drivePurchase(subject: KeptSubject, storage: LedgerStorage, why: Why = {}) {
    const idempotencySecret = await deriveIdempotencySecret(this.config().idempotencyKey, uniqueName(subject));
    const slot = this.slot(subject, storage);
    try {
      const begun = attemptBegun(await storage.standing("purchase"), why);
      if (begun !== undefined) await slot.take(begun);
      const taken = begun !== undefined && (await this.pool(subject, storage).take());
      const bought = await this.payer().relays.issuePrivacyPass(purchaseParams(subject), { record: slot.guard(storage.record("purchase")), idempotencySecret, ...why });
      return taken ? { ...bought, replayed: false } : bought;
    } finally {
      await slot.settle().catch(() => false); // the alarm comes back to it; what came of the purchase is told now
    }
  }

  private slot({ callerId }: KeptSubject, storage: LedgerStorage): PurchaseSlot {
    return new PurchaseSlot(storage, this.home.place, openPurchaseLimit(this.config(), callerId));
  }

  private pool(subject: KeptSubject, storage: LedgerStorage): PoolTake {
    return new PoolTake(storage, this.home.place, this.config(), subject);
  }

  private async driveRedemption(subject: KeptSubject, storage: LedgerStorage, privacyPassToken: string | undefined, why: Why = {}) {
    const { relayToken, relaySecret } = subject as RelaySubject;
    const params = { relayToken, relaySecret, ...(privacyPassToken !== undefined && { privacyPassToken }) };
    const config = this.config();
    try {
      return await anonymousPersona(config).relays.generateClaim(params, { record: storage.record("redemption"), ...why });
    } catch (error) {
      if (!(error instanceof PersonaError) || error.origin !== "upstream") throw error;
      // Which pass was sent nobody else knows: the caller need not have sent it along.
      const { pass } = JSON.parse((await storage.text("redemption")) ?? "{}") as { pass?: string };
      throw new Failed(withoutEchoes(plain(error), config, [relaySecret, privacyPassToken, pass]));
    }
  }

  /** Makes the redemption that is wanted for now, if there is one (redeem_later.ts). */
  private async redeemDue(subject: KeptSubject, storage: LedgerStorage): Promise<Outcome<unknown> | undefined> {
    const due = await claimDue(storage, Date.now());
    if (due === undefined) return undefined;
    if (!due.byItself) storage.called(); // what it leaves in doubt is asked about from now on
    const outcome = await this.join("redemption", BY_ALARM, async () => {
      if (due.byItself) return this.driveRedemption(subject, storage, undefined, BY_ITSELF);
      return this.driveRedemption(subject, storage, due.pass ?? (await this.boughtPass(subject, storage)));
    });
    // A fault of the deployment: the wish stays, for the next alarm.
    if (!outcome.ok && "refusal" in outcome) throw new Refused(outcome.refusal);
    await claimRan(storage, due, outcome.ok ? undefined : outcome.failure);
    return outcome;
  }

  /** The pass of the ledger, without buying one. */
  private async boughtPass(subject: KeptSubject, storage: LedgerStorage): Promise<string | undefined> {
    if ((await storage.standing("purchase"))?.state !== "issued") return undefined;
    const record = await storage.text("purchase"); // in this order: what is issued stays so, and a purchase may just have ended
    return record === undefined ? undefined : passOfRecord(this.payer(), purchaseParams(subject), record);
  }

  /** The name of the object follows from the secret, so a wrong one leads to an object of its own, in which nothing comes to be. */
  private async forgetMistake(subject: KeptSubject, storage: LedgerStorage): Promise<void> {
    const guessed = subject.kind === "relay" && subject.createdAt === null;
    const nothing = storage.rows().every(({ name, state, unsettled }) => !unsettled && (NOTHING[name] ?? ["none"]).includes(state));
    if (guessed && nothing && storage.slotOf === undefined && !storage.asksPool && this.running.size === 0) await storage.wipe();
  }

  private payer(): Persona {
    const config = this.config();
    return payingPersona(config, config.apiKey);
  }

  private config(): ManagedConfig {
    const config = readConfig(this.env);
    if (config instanceof ConfigError) throw new Refused({ why: "misconfigured", problems: config.problems });
    if (config.mode !== "managed") throw new Refused({ why: "misconfigured", problems: ["the ledger needs managed mode"] });
    return config;
  }

  private open(): Promise<LedgerStorage> {
    const { storeKeys } = this.config();
    this.opened ??= deriveKeys(storeKeys).then((keys) => new LedgerStorage(this.home, keys));
    return this.opened;
  }
}

/** Whether everything may be deleted. */
function isDue(storage: LedgerStorage): boolean {
  const { why, at } = storage.waking(Date.now());
  return why === "expire" && at <= Date.now();
}

async function mustNeedLeave(storage: LedgerStorage): Promise<void> {
  const state = (await storage.standing("purchase"))?.state ?? "none";
  if (state !== "unknown" && state !== "unusable") throw new Refused({ why: "nothing-to-allow", state });
}

function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(() => resolve(undefined), ms));
}
