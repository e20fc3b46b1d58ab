/**
 * The ledger objects, in the place of Durable Objects: one for each name, for as long as something is under way in it. What
 * an object knows besides its rows is what is under way, so the next one goes on where it was.
 */
import type { Env } from "../worker/env.js";
import type { Ledger } from "../worker/ledger_protocol.js";
import { RelayLedger } from "../worker/relay_ledger.js";
import type { Db } from "./database.js";
import { SqliteHome } from "./sqlite_home.js";

export class LedgerActors {
  private readonly live = new Map<string, { ledger: RelayLedger; calls: number }>();

  /** `alarmSet` is told whenever an object has set its alarm. */
  constructor(private readonly db: Db, private readonly env: Env, private readonly alarmSet: (at: number) => void) {}

  get(name: string): Ledger {
    return {
      buy: (subject, options) => this.call(name, (ledger) => ledger.buy(subject, options)),
      redeem: (subject, privacyPassToken) => this.call(name, (ledger) => ledger.redeem(subject, privacyPassToken)),
      create: (subject, encryptionKeyPem) => this.call(name, (ledger) => ledger.create(subject, encryptionKeyPem)),
      view: (callerId) => this.call(name, (ledger) => ledger.view(callerId)),
      hasStarted: () => this.call(name, (ledger) => ledger.hasStarted()),
    };
  }

  alarm(name: string): Promise<void> {
    return this.call(name, (ledger) => ledger.alarm());
  }

  private async call<T>(name: string, ask: (ledger: RelayLedger) => Promise<T>): Promise<T> {
    let actor = this.live.get(name);
    if (actor === undefined) {
      actor = { ledger: new RelayLedger(this.env, new SqliteHome(this.db, name, this.alarmSet)), calls: 0 };
      this.live.set(name, actor);
    }
    actor.calls += 1;
    try {
      return await ask(actor.ledger);
    } finally {
      actor.calls -= 1;
      // Who starts a run waits for its end, so nothing is under way when nobody waits.
      if (actor.calls === 0) this.live.delete(name);
    }
  }
}
