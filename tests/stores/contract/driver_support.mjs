/** What the cases of the durable calls have in common: relays, ledgers, and how their ends are checked. */
import assert from "node:assert/strict";
import { library } from "./kinds.mjs";

const { Persona, RelayLedger } = library;
export const CLAIM_TYPE = "age_over18_united_kingdom";
/** Of the deployment: what the idempotency keys follow from, where a case gives one. */
export const IDEMPOTENCY_SECRET = "a secret of this deployment";
export const times = (count, work) => Promise.all(Array.from({ length: count }, (_, index) => work(index)));
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** @typedef {import("./run.mjs").Bench} Bench */
/** @typedef {{ name: string, for?: (kind: any) => boolean, run: (bench: Bench) => Promise<void> }} Case */

export const optionsOf = ({ simulator }) => ({ baseUrl: simulator.url, apiKey: "persona_production_simulator", timeoutMs: 2000, maxRetries: 1, deadlineMs: 10_000 });
export const CALLS = { purchase: "issuePrivacyPass", redeem: "generateClaim" };
export const THING = { purchase: "purchase", redeem: "redemption" };

/** A relay whose person has finished. */
export async function newRelay(bench, { result = "passed" } = {}) {
  const { relayToken, relaySecret } = await new Persona(optionsOf(bench)).relays.create({ claimType: CLAIM_TYPE });
  if (result !== null) await bench.simulator.complete(relayToken, result);
  return { relayToken, relaySecret };
}

/** A ledger over a handle of its own. */
export async function newLedger(bench, options = {}) {
  const { store } = await bench.open();
  return new RelayLedger({ ...optionsOf(bench), store, ...options });
}

export const forPurchase = (relay) => ({ ...relay, claimType: CLAIM_TYPE });
export const paramsOf = (call, relay) => (call === "purchase" ? forPurchase(relay) : relay);

/** Calls until it goes well; answers the result and the errors before it. */
export async function settle(work) {
  const errors = [];
  for (let tries = 0; tries < 12; tries += 1) {
    try {
      return { value: await work(), errors };
    } catch (error) {
      // A fault in the library settles nothing: two drivers at once, for one, are no such thing.
      if (!(error instanceof library.PersonaError) || error.code === "internal") throw error;
      errors.push(error.code);
      await sleep(20);
    }
  }
  return assert.fail(`it does not settle: ${errors.join(", ")}`);
}

/** The upstream's books: so much was billed and spent, and nothing twice. */
export async function assertBooks({ simulator }, { billed = 1, spent = 1, refunded = 0 } = {}) {
  const ledger = await simulator.ledger();
  assert.deepEqual(
    { billed: ledger.billed.total, spent: ledger.spent.total, refunded: ledger.refunded.total, doubleBilled: ledger.doubleBilled },
    { billed, spent, refunded, doubleBilled: [] },
  );
  return ledger;
}

/** Both results are there for good: they are answered again, by whoever has the store, and nothing is sent. */
export async function assertKept(bench, relay, pass, claim) {
  const before = (await bench.simulator.requests()).length;
  for (let again = 0; again < 2; again += 1) {
    const ledger = await newLedger(bench);
    assert.deepEqual(await ledger.issuePrivacyPass(forPurchase(relay)), { privacyPassToken: pass.privacyPassToken, replayed: true });
    if (claim === undefined) continue;
    const { claimPayload, tokenConsumed } = claim;
    assert.deepEqual(await ledger.generateClaim(relay), { claimPayload, tokenConsumed, replayed: true });
  }
  assert.equal((await bench.simulator.requests()).length, before, "something was sent");
}

/** Pass and claim, whatever is in the way. */
export async function buyAndClaim(bench, relay, options) {
  const ledger = await newLedger(bench, options);
  const { value: pass, errors } = await settle(() => ledger.issuePrivacyPass(forPurchase(relay)));
  const { value: claim, errors: later } = await settle(() => ledger.generateClaim(relay));
  return { pass, claim, errors: [...errors, ...later] };
}
