/** The Worker's side of the ledger: which object, and what its answers mean for a caller. */
import { ConfigError, type ManagedConfig } from "./env.js";
import { GatewayError, LEDGER_UNREADABLE, RemoteFault, relayNotFound, storeUnavailable, storedRecordInvalid } from "./errors.js";
import type { KeyedSubject, Ledger, Outcome, Refusal, RelaySubject } from "./ledger_protocol.js";
import { purchaseLimitReached } from "./purchase_limit.js";
import { deriveKeys, entryName, nameUnder } from "./seal.js";
import { type About, explain } from "./upstream.js";

/** What an object answered, and whether it was there before. */
export interface Answered<T> {
  readonly value: T;
  readonly replayed: boolean;
}

type Ask<T> = (ledger: Ledger) => Promise<Outcome<T>>;

export interface LedgerClient {
  /** Asks the object of a relay. @throws GatewayError */
  ofRelay<T>(relay: Pick<RelaySubject, "relayToken" | "relaySecret">, about: About, ask: Ask<T>): Promise<Answered<T>>;
  /** Asks the object of an `Idempotency-Key`. @throws GatewayError */
  ofKey<T>(subject: KeyedSubject, about: About, ask: (ledger: Ledger, subject: KeyedSubject) => Promise<Outcome<T>>): Promise<Answered<T>>;
}

export function openLedger(config: ManagedConfig): LedgerClient {
  const find = (name: string) => config.ledger.get(config.ledger.idFromName(name)) as Ledger;

  /**
   * An object that could not be reached, or was reset under the call by a deployment, is asked once more: whatever it is
   * asked may be asked twice.
   */
  async function reach<T>(name: string, ask: (ledger: Ledger) => Promise<T>): Promise<T> {
    try {
      return await ask(find(name)).catch(() => ask(find(name)));
    } catch {
      throw storeUnavailable();
    }
  }

  return {
    async ofRelay(relay, about, ask) {
      // Under the relay's own secret: a name that no rotation of ours changes, and that nobody can make who does not know it.
      const name = `relay:${await nameUnder(relay.relaySecret, "ledger", relay.relayToken)}`;
      return answerOf(await reach(name, ask), config, { ...about, secrets: [relay.relaySecret, ...(about.secrets ?? [])] });
    },
    async ofKey(subject, about, ask) {
      return answerOf(await startKeyed(await keyedNames(config, subject), reach, subject, ask), config, about);
    },
  };
}

/** A caller's `Idempotency-Key` has a name under each of the store keys, for a rotation must not make it forgotten. */
async function keyedNames(config: ManagedConfig, { callerId, idempotencyKey }: KeyedSubject): Promise<string[]> {
  const keys = await deriveKeys(config.storeKeys);
  return Promise.all(keys.map((key) => entryName(key, "key", `${callerId}\0${idempotencyKey}`)));
}

/**
 * Asks the object under the first key, unless one under another has started. Each of those is made to promise, in the same
 * step in which it says that it has not, that it never will: while a rotation is rolled out, a Worker of the version before
 * might otherwise start there.
 */
async function startKeyed<T>(
  names: readonly string[],
  reach: <R>(name: string, ask: (ledger: Ledger) => Promise<R>) => Promise<R>,
  subject: KeyedSubject,
  ask: (ledger: Ledger, subject: KeyedSubject) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const [first = "", ...others] = names;
  for (const name of others) {
    if (await reach(name, (ledger) => ledger.hasStarted())) return reach(name, (ledger) => ask(ledger, subject));
  }
  const outcome = await reach(first, (ledger) => ask(ledger, subject));
  if (outcome.ok || !("refusal" in outcome) || outcome.refusal.why !== "moved" || others.length === 0) return outcome;
  // Two versions with the same keys in another order have each stopped the other. All of the objects have promised now; one
  // that both versions agree on breaks it.
  const chosen = [...names].sort()[0] ?? first;
  return reach(chosen, (ledger) => ask(ledger, { ...subject, evenIfMoved: true }));
}

function answerOf<T>(outcome: Outcome<T>, config: ManagedConfig, about: About): Answered<T> {
  if (outcome.ok) return outcome;
  throw "failure" in outcome ? explain(outcome.failure, config, about) : refused(outcome.refusal);
}

/** What an object's refusal means for a caller. */
export function refused(refusal: Refusal): Error {
  switch (refusal.why) {
    case "foreign":
      return relayNotFound();
    case "moved":
      return storeUnavailable(); // the next release is being rolled out, and has the key; a retry meets it
    case "reused":
      return new GatewayError(422, "idempotency_key_reused", "The Idempotency-Key was used for another request.", {
        details: "idempotency-key: another request needs another key",
      });
    case "busy":
      return new GatewayError(409, "idempotency_key_in_use", "A request with the same Idempotency-Key is in flight.", { retryAfterS: BUSY_RETRY_S });
    case "no-pass":
      return new GatewayError(409, "pass_not_bought", "No pass was bought here for this relay.", {
        details: "privacy-pass-token: buy it, or send it along",
      });
    case "nothing-to-allow":
      return new GatewayError(409, "purchase_not_in_doubt", "There is nothing to allow.", {
        details: `the purchase is ${refusal.state}; only one that is unknown or unusable needs leave to be made again`,
      });
    case "issuer-key":
      return new GatewayError(502, "issuer_key_suspicious", "Persona offers an issuer key that could tell platforms apart.", {
        details: "nothing was bought; try again later, the operator's log says more",
        mend: refusal.mend,
        retryAfterS: refusal.retryAfterS,
      });
    case "over-limit":
      return purchaseLimitReached(refusal.retryAfterS);
    case "not-counted":
    case "unreachable":
      return storeUnavailable();
    case "unreadable":
      return storedRecordInvalid(LEDGER_UNREADABLE);
    case "misconfigured":
      return new ConfigError(refusal.problems);
    case "fault":
      return new RemoteFault(refusal.fault);
  }
}

const BUSY_RETRY_S = 2;
