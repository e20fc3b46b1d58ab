/** Compares what the callers of a case got with what the simulator's ledger says was billed and spent. */
import { delivered, inWords } from "./callers.mjs";

/**
 * @typedef {object} Verdict
 * @property {import("./run_group.mjs").Case} of
 * @property {number} doubleBilled passes billed too many
 * @property {number} lost passes billed, or claims spent, that nobody got
 * @property {number} stuck
 * @property {string[]} violations in words; empty: the case holds
 */

/** @param {import("./run_group.mjs").Course} course @param {import("./lane.mjs").Lane} lane @returns {Verdict} */
export function judge({ of, relay, claimType, before, rounds, settled, onceMore }, { simulator }) {
  const { fault, call } = of;
  const ledger = simulator.ledger();
  const billed = (ledger.billed.byClaimType[claimType] ?? 0) - (before.billed.byClaimType[claimType] ?? 0);
  const redemption = ledger.redemptions[relay.relayToken];
  const spent = redemption?.spent ?? 0;
  const answers = [...rounds.flat(), ...(onceMore ? [onceMore] : [])];
  const values = new Set(answers.map(delivered).filter((value) => value !== undefined));
  const violations = [];
  const say = (/** @type {boolean} */ wrong, /** @type {string} */ text) => void (wrong && violations.push(text));

  const doubleBilled = Math.max(0, billed - 1);
  say(doubleBilled > 0, `billed ${billed} times`);
  const [effects, done] = call === "redeem" ? [spent, "spent"] : [billed, "billed"];
  const lost = effects > 0 && values.size === 0 && fault.endsAs === undefined ? 1 : 0;
  say(lost > 0, `lost: ${done}, and not delivered`);
  const stuck = settled ? 0 : 1;
  const last = onceMore === null ? "nothing" : inWords(onceMore);
  say(!settled, `stuck after ${rounds.length} rounds, the last: ${[...new Set((rounds.at(-1) ?? []).map(inWords))].join(", ")}`);

  if (fault.endsAs === undefined) {
    say(effects === 0, `not ${done} at all; once more: ${last}`);
    say(values.size > 1, `${values.size} different answers`);
    say(onceMore === null || delivered(onceMore) === undefined, `once more: ${last}`);
  } else {
    say(values.size > 0, `delivered in spite of ${fault.name}`);
    say(onceMore?.code !== fault.endsAs, `once more: ${last} instead of ${fault.endsAs}`);
    say(billed !== (fault.billed ?? 1), `billed ${billed} times instead of ${fault.billed ?? 1}`);
  }
  if (call === "redeem") {
    say(spent > 1, `spent ${spent} times`);
    say(new Set(redemption?.passSha256 ?? []).size > 1, "more than one pass was shown for the relay");
    say(billed !== 1, `${billed} passes were bought for the redemption`);
  }
  say(ledger.doubleBilled.length > before.doubleBilled.length, "a blinded token or a key was billed twice");
  say((ledger.refused.byCode.idempotency_error ?? 0) > (before.refused.byCode.idempotency_error ?? 0), "an idempotency key was used with other parameters");
  const unexplained = answers.filter((answer) => answer.broken === null && delivered(answer) === undefined && !EXPLAINED(fault).includes(answer.code ?? ""));
  say(unexplained.length > 0, `answered ${[...new Set(unexplained.map(inWords))].join(", ")}`);
  return { of, doubleBilled, lost, stuck, violations };
}

/** What a caller may be told on the way. @param {import("./faults.mjs").Fault} fault */
function EXPLAINED({ endsAs, at, sticks }) {
  return [
    ...["transport_failed", "timeout", "upstream_unavailable", "upstream_answer_invalid", "upstream_rate_limited", "rate_limited", "injected"],
    ...["claim_not_ready", "relay_not_found_yet", "pass_not_found_yet", "store_unavailable", "store_failed", "idempotency_key_in_use"],
    ...(endsAs === undefined ? [] : [endsAs]),
    ...(at === "challenge" ? ["challenge_expired", "key_id_unknown", "upstream_rejected"] : []),
    ...(sticks ? ["purchase_unknown"] : []),
  ];
}
