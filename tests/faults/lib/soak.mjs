/**
 * The soak: many relays through workerd at once, random faults upstream, callers that come in twos and threads and go away, the
 * process killed now and then. At the end the simulator's ledger has to agree with what the callers got.
 *
 * The seed decides the relays' tokens, the deployment's secrets, and with them which request is struck by what; which of them
 * are under way when the process is killed, it can't decide.
 */
import crypto from "node:crypto";
import { performance } from "node:perf_hooks";
import { workerd } from "../drivers/workerd.mjs";
import { calls, delivered, inWords, sleep } from "./callers.mjs";
import { openLane } from "./lane.mjs";

/** Relays that are under way at the same time. */
const AT_ONCE = 24;
/** A call that has not settled by then is stuck, milliseconds. */
const STUCK_MS = 90_000;
/** One claim in ten does not pass: its pass is handed back. */
const FAILED = 0.1;

/** Longer than the gateway waits. */
const HANG_MS = 10_500;

/** What strikes, and how often: about one request in four. */
const RULES = [
  ...["purchase", "redeem"].flatMap((call) => [
    { call, fault: "drop-before", probability: 0.05 },
    { call, fault: "drop-after", probability: 0.05 },
    { call, fault: "500-before", probability: 0.03 },
    { call, fault: "500-after", probability: 0.05 },
    { call, fault: "429", probability: 0.01 },
    { call, fault: "truncated", probability: 0.03 },
    { call, fault: "truncated-chunked", probability: 0.02 },
    { call, fault: "malformed-json", probability: 0.03 },
    { call, fault: "slow", ms: 150, probability: 0.05 },
    { call, fault: "hang-after", ms: HANG_MS, probability: 0.0005 },
  ]),
  { call: "purchase", fault: "wrong-signature", probability: 0.01 },
  { call: "redeem", fault: "403-then-ready", times: 1_000_000, probability: 0.05 },
  { call: "challenge", fault: "drop-after", probability: 0.03 },
  { call: "challenge", fault: "expired-challenge", probability: 0.01 },
  { call: "challenge", fault: "key-rotated", probability: 0.003 },
];

/**
 * @typedef {object} SoakReport
 * @property {string[]} violations
 * @property {Record<string, number>} counts
 */

/**
 * @param {{ relays: number, seed: number, kills: number, progress?: (text: string) => void }} options
 * @returns {Promise<SoakReport>}
 */
export async function soak({ relays, seed, kills, progress = () => {} }) {
  const secret = (/** @type {string} */ name) => crypto.createHash("sha256").update(`soak/${seed}/${name}`).digest();
  const lane = await openLane(workerd, { seed }, { token: secret("token").toString("base64url"), storeKeys: `k1:${secret("store").toString("base64")}` });
  const start = performance.now();
  const outcomes = { passes: /** @type {Set<string>} */ (new Set()), unusable: 0, claims: 0, refunds: 0, finished: 0, kills: 0, reset: 0, broken: 0, repeated: 0 };
  /** @type {string[]} */
  const violations = [];
  const down = { until: /** @type {Promise<void>} */ (Promise.resolve()) };
  try {
    lane.simulator.faults.set(RULES, seed);
    const next = Array.from({ length: relays }, (_, index) => index).values();
    const work = async () => {
      for (const index of next) {
        try {
          await oneRelay(index);
        } catch (error) {
          violations.push(`relay ${index}: ${error instanceof Error ? error.message : error}`);
        }
        outcomes.finished += 1;
        if (outcomes.finished % Math.max(100, Math.round(relays / 20)) === 0) {
          const seconds = (performance.now() - start) / 1000;
          progress(`${outcomes.finished} relays in ${seconds.toFixed(0)} s, ${outcomes.kills} kills, ${violations.length} violations`);
        }
      }
    };
    const killer = kill();
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, relays) }, work));
    await killer;
    const rest = compare();
    return { violations: [...violations, ...rest.violations], counts: rest.counts };
  } finally {
    await lane.close();
  }

  /** Kills the process at moments that the seed spreads over the work. */
  async function kill() {
    const random = randomOf(seed, "kills");
    const moments = Array.from({ length: kills }, () => Math.floor(random() * relays * 0.95)).sort((a, b) => a - b);
    for (const moment of moments) {
      while (outcomes.finished < moment) await sleep(10);
      await sleep(random() * 300);
      if (outcomes.finished >= relays) return;
      let up = () => {};
      down.until = new Promise((/** @type {(value: void) => void} */ resolve) => (up = resolve));
      await lane.host.kill();
      await lane.restart();
      outcomes.kills += 1;
      up();
    }
  }

  /** @param {number} index */
  async function oneRelay(index) {
    const random = randomOf(seed, String(index));
    const relay = await created();
    const passes = random() >= FAILED;
    lane.simulator.complete(relay.relayToken, { result: passes ? "passed" : "failed" });
    const way = random() < 0.25 ? "keyed" : "purchase";
    const bought = await settled(way, relay, random);
    if (bought === "blind_signature_invalid") return void (outcomes.unusable += 1);
    if (outcomes.passes.has(bought)) throw new Error("got the pass of another relay");
    outcomes.passes.add(bought);
    if (way === "keyed") relay.pass = bought;
    const claim = await settled("redeem", relay, random);
    if (!claim.endsWith(passes ? " true" : " false")) throw new Error(`got another claim: ${claim}`);
    if (passes) outcomes.claims += 1;
    else outcomes.refunds += 1;
    if (random() < 0.2 && (await settled(way, relay, random)) !== bought) throw new Error("got another pass later");
    if (random() < 0.2 && (await settled("redeem", relay, random)) !== claim) throw new Error("got another claim later");
  }

  async function created() {
    for (;;) {
      await down.until;
      try {
        return await calls.create(lane.host, "age_over18_soak");
      } catch (error) {
        if (!/ECONN|socket hang up/.test(String(error))) throw error;
        await sleep(20);
      }
    }
  }

  /**
   * Calls, one caller or several, until all that are still there have the same answer.
   * @param {"purchase" | "keyed" | "redeem"} call @param {import("./callers.mjs").Relay} relay @param {() => number} random
   * @returns {Promise<string>} what was delivered, or `blind_signature_invalid`
   */
  async function settled(call, relay, random) {
    const until = performance.now() + STUCK_MS;
    /** @type {string | undefined} */
    let first;
    for (let round = 1; ; round++) {
      await down.until;
      const callers = random() < 0.7 ? 1 : 2 + Math.floor(random() * 3);
      const answers = await Promise.all(
        Array.from({ length: callers }, () => {
          const gone = random() < 0.1 ? AbortSignal.timeout(Math.ceil(random() * 120)) : undefined;
          return calls[call](lane.host, relay, gone);
        }),
      );
      if (round > 1) outcomes.repeated += 1;
      for (const answer of answers) {
        if (answer.broken === "reset") outcomes.reset += 1;
        else if (answer.broken !== null) outcomes.broken += 1;
        const got = delivered(answer) ?? (answer.code === "blind_signature_invalid" ? answer.code : undefined);
        if (got === undefined && !mayBeAnswered(answer)) throw new Error(`${call} answered ${inWords(answer)}`);
        if (got === undefined) continue;
        if (first !== undefined && got !== first) throw new Error(`${call} answered differently`);
        first = got;
      }
      if (answers.every((answer) => answer.broken === null && (delivered(answer) ?? answer.code) === first)) return /** @type {string} */ (first);
      if (performance.now() > until) throw new Error(`${call} is stuck: ${inWords(answers[0])}`);
      await sleep(Math.min(1000, 20 * 2 ** Math.min(round, 6)));
    }
  }

  function compare() {
    const { billed, spent, doubleBilled, refused } = lane.simulator.summary();
    const wrong = [];
    const delivered = outcomes.passes.size + outcomes.unusable;
    if (billed.total !== delivered) wrong.push(`billed ${billed.total}, but ${outcomes.passes.size} passes were delivered and ${outcomes.unusable} were unusable`);
    if (spent.total !== outcomes.claims) wrong.push(`spent ${spent.total}, but ${outcomes.claims} claims were delivered`);
    if (doubleBilled.length > 0) wrong.push(`${doubleBilled.length} billed twice under one key or blinded token`);
    if (refused.byCode.idempotency_error) wrong.push("an idempotency key was used with other parameters");
    if (outcomes.kills < kills) wrong.push(`killed ${outcomes.kills} times only`);
    const struck = lane.simulator.faults.fired().reduce((sum, { fired }) => sum + fired, 0);
    const { passes, finished, ...rest } = outcomes;
    const seconds = Math.round((performance.now() - start) / 1000);
    return { violations: wrong, counts: { seed, relays: finished, billed: billed.total, passes: passes.size, spent: spent.total, ...rest, faults: struck, seconds } };
  }
}

/** What a caller may be told on the way. @param {import("./callers.mjs").Answer} answer */
function mayBeAnswered({ broken, status, code }) {
  if (broken !== null) return true;
  // `upstream_rejected`: a refusal, of a rotated key say, whose body another fault has spoilt, so that its code is gone.
  const codes = ["transport_failed", "timeout", "upstream_unavailable", "upstream_answer_invalid", "upstream_rate_limited", "rate_limited", "injected", "claim_not_ready", "challenge_expired", "key_id_unknown", "upstream_rejected", "store_unavailable", "relay_not_found_yet", "idempotency_key_in_use"];
  return status !== 200 && codes.includes(code ?? "");
}

/** Numbers in [0, 1) that follow from the seed and the name. @param {number} seed @param {string} name */
function randomOf(seed, name) {
  let drawn = 0;
  return () => crypto.createHash("sha256").update(`${seed}/${name}/${drawn++}`).digest().readUIntBE(0, 6) / 2 ** 48;
}
