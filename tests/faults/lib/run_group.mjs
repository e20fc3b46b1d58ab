/**
 * Runs cases: sets the relays up, lets the fault strike while callers call, kills the process if that is their fate,
 * repeats every call until it settles, and calls once more. What came of it is judged in judge.mjs.
 *
 * The cases of a group differ in their callers only: they share the fault, the process and its end, each on a relay and a
 * claim type of its own.
 */
import { setMaxListeners } from "node:events";
import { performance } from "node:perf_hooks";
import { calls, delivered, sleep } from "./callers.mjs";
import { rulesFor } from "./faults.mjs";

/**
 * @typedef {import("./callers.mjs").Answer} Answer
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {import("./faults.mjs").Fault} fault
 * @property {"purchase" | "keyed" | "redeem"} call
 * @property {"survives" | "killed"} fate
 * @property {number} callers
 *
 * @typedef {object} Course what happened to a case
 * @property {Case} of
 * @property {import("./callers.mjs").Relay} relay
 * @property {string} claimType
 * @property {import("../../../simulator/ledger.mjs").LedgerSummary} before the ledger, with nothing of this case in it
 * @property {Answer[][]} rounds the answers of each round, all callers
 * @property {boolean} settled
 * @property {Answer | null} onceMore
 * @property {number} kills
 */

/** A call that has not settled after so many rounds is stuck. */
const MOST_ROUNDS = 14;
/** The longest wait that is waited for a `Retry-After`, milliseconds. The state machine has to hold for the impatient. */
const PATIENCE_MS = 1100;
/** Two answers of 5xx that are further apart are no passing trouble (EXACTLY_ONCE.md, "sticky"), seconds. */
const STICKY_S = 61;
/** So many rounds later a fault that sticks is lifted. */
const LIFTED_AFTER = 2;

/** Errors after which nobody calls again by himself. */
const FINAL = ["blind_signature_invalid", "claim_lost", "pass_already_spent", "pass_spent", "relay_redeemed"];

/**
 * @param {Case[]} cases with the same fault, call and fate
 * @param {import("./lane.mjs").Lane} lane
 * @returns {Promise<{ courses: Course[], fired: number, trouble: string[] }>} `trouble`: the group did not run as it should have
 */
export async function runGroup(cases, lane) {
  const { simulator, driver } = lane;
  const { fault, call, fate } = cases[0];
  const killed = fate === "killed";
  const courses = await Promise.all(cases.map((of) => setUp(of, lane)));

  const how = { killed, each: driver.each, hangMs: driver.hangMs, times: fault.hangs || fault.name.startsWith("429") ? 1 : driver.tries + 1 };
  const upstreamCall = call === "redeem" ? "redeem" : "purchase";
  const rules = rulesFor(fault, upstreamCall, how);
  simulator.configure({ keepPurchaseFailures: fault.kept === true, keepRedemptionFailures: fault.kept === true });
  const struck = () => simulator.faults.fired().filter((rule) => rule.fault !== undefined).reduce((sum, rule) => sum + rule.fired, 0);
  simulator.faults.set(rules, 1);
  const watch = killed ? watchProcessed(lane, courses, upstreamCall) : null;
  let fired = 0;
  /** @type {number | null} the round after which it did, with a fault that sticks */
  let timePassed = null;

  for (let round = 1; round <= MOST_ROUNDS; round++) {
    const open = courses.filter(({ settled }) => !settled);
    if (open.length === 0) break;
    const gone = new AbortController();
    const answers = Promise.all(open.map((course) => callAll(course, lane, round === 1 && !killed ? gone.signal : undefined)));
    if (round === 1 && !killed) void resetOnce(gone, () => fault.rule === undefined || struck() > 0);
    await (watch === null ? answers : watch.during(answers));
    if (open.every(({ settled }) => settled)) break;

    // Not before upstream has answered once: the 60 s count from then.
    const stuck = open.some(({ rounds, kills }) => (!killed || !fault.processes || kills > 0) && rounds.at(-1)?.some(({ broken }) => broken === null));
    if (fault.sticks && timePassed === null && stuck) {
      timePassed = round;
      await lane.passTime(STICKY_S);
    } else await sleep(waitAfter(open.map(({ rounds }) => rounds.at(-1) ?? []).flat(), round));
    if (timePassed !== null && !fault.kept && round === timePassed + LIFTED_AFTER) {
      fired += struck();
      // Lifted. What was not processed before can be held, and the process killed, only now.
      simulator.faults.set(killed && !fault.processes ? rulesFor({ ...fault, rule: undefined }, upstreamCall, how) : [], 1);
    }
  }
  fired += struck();
  watch?.end();
  // What still hangs is processed now, late as it is.
  simulator.faults.clear();
  if (fault.hangs) await sleep(50);
  for (const course of courses) course.onceMore = await calls[call](lane.host, course.relay);

  const trouble = [];
  if (fault.rule !== undefined && fired === 0) trouble.push("the fault did not strike");
  for (const { of, kills } of courses) if (killed && kills === 0) trouble.push(`${of.name}: the process was not killed`);
  return { courses, fired, trouble };
}

/** @param {Case} of @param {import("./lane.mjs").Lane} lane @returns {Promise<Course>} */
async function setUp(of, { simulator, driver, host }) {
  const claimType = `claim_${of.call}_${of.callers}`;
  // Made beforehand: on a busy machine it takes longer than a driver waits.
  await simulator.issuerKey({ claimType });
  const relay = await calls.create(host, claimType);
  simulator.complete(relay.relayToken, { result: "passed" });
  const before = simulator.summary();
  if (of.call === "redeem") {
    let pass;
    for (let round = 1; pass === undefined && round <= MOST_ROUNDS; round++) pass = delivered(await calls.purchase(host, relay));
    if (pass === undefined) throw new Error(`${of.name}: the pass could not be bought beforehand`);
    if (!driver.keepsPass) relay.pass = pass;
  }
  return { of, relay, claimType, before, rounds: [], settled: false, onceMore: null, kills: 0 };
}

/** One round: every caller of a case calls. @param {Course} course @param {import("./lane.mjs").Lane} lane @param {AbortSignal} [gone] */
async function callAll(course, lane, gone) {
  const { of, relay, rounds } = course;
  const answers = await Promise.all(Array.from({ length: of.callers }, (_, index) => calls[of.call](lane.host, relay, resets(index, of.callers) ? gone : undefined)));
  rounds.push(answers);
  const final = of.fault.kept && of.fault.endsAs ? [of.fault.endsAs] : FINAL;
  course.settled = answers.every((answer) => delivered(answer) !== undefined || final.includes(answer.code ?? ""));
}

/** Of several callers the first, whose request leads, and every fifth reset their connections. @param {number} index @param {number} callers */
function resets(index, callers) {
  return callers > 1 && index % 5 === 0;
}

/** Resets connections as soon as the fault has struck. @param {AbortController} gone @param {() => boolean} struck */
async function resetOnce(gone, struck) {
  const until = performance.now() + 300;
  while (!struck() && performance.now() < until) await sleep(2);
  gone.abort();
}

/** @param {Answer[]} answers @param {number} round */
function waitAfter(answers, round) {
  const asked = Math.max(0, ...answers.map(({ retryAfterMs }) => retryAfterMs ?? 0));
  return Math.min(PATIENCE_MS, Math.max(asked, 40 * round));
}

/** So long after the first of several cases is held the others have to be, milliseconds: some wait for a retry first. */
const GRACE_MS = 1500;

/**
 * Kills the process when upstream has processed and holds a request of each case that is open, and starts it again.
 * @param {import("./lane.mjs").Lane} lane @param {Course[]} courses
 * @param {"purchase" | "redeem"} call upstream
 */
function watchProcessed(lane, courses, call) {
  const ended = new AbortController();
  setMaxListeners(0, ended.signal);
  let processed = 0;
  void (async () => {
    while (!ended.signal.aborted) if ((await lane.simulator.faults.waitProcessed(call, 10_000, ended.signal)) !== null) processed += 1;
  })();
  return {
    end: () => ended.abort(),
    /** @param {Promise<unknown>} answers */
    async during(answers) {
      let answered = false;
      void answers.then(() => (answered = true));
      while (!answered && processed === 0) await Promise.race([answers, sleep(5)]);
      if (processed === 0) return;
      const waiting = courses.filter(({ settled, kills }) => !settled && kills === 0);
      const until = performance.now() + GRACE_MS;
      while (processed < waiting.length && performance.now() < until && !answered) await sleep(5);
      processed = 0;
      for (const course of waiting) course.kills += 1;
      await lane.host.kill();
      await answers;
      await lane.restart();
    },
  };
}
