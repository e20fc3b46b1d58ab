/**
 * The ledger on Cloudflare: a SQLite Durable Object per ledger object. Work goes on in it when the request that asked for it
 * is cancelled.
 */
import { DurableObject } from "cloudflare:workers";
import { DurableHome } from "./durable_home.js";
import type { Env } from "./env.js";
import type { KeyedSubject, Ledger, RelaySubject, Subject } from "./ledger_protocol.js";
import { RelayLedger } from "./relay_ledger.js";

export class DurableLedger extends DurableObject<Env> implements Ledger {
  private readonly ledger: RelayLedger;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.ledger = new RelayLedger(env, new DurableHome(ctx));
  }

  buy(subject: Subject, options: { allowAgain: boolean }) {
    return this.ledger.buy(subject, options);
  }

  redeem(subject: RelaySubject, privacyPassToken: string | null) {
    return this.ledger.redeem(subject, privacyPassToken);
  }

  create(subject: KeyedSubject, encryptionKeyPem: string | null) {
    return this.ledger.create(subject, encryptionKeyPem);
  }

  view(callerId: string) {
    return this.ledger.view(callerId);
  }

  hasStarted() {
    return this.ledger.hasStarted();
  }

  override alarm() {
    return this.ledger.alarm();
  }
}
