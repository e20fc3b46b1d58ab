/** Runs cases over drivers, some lanes at the same time, and gathers the verdicts. */
import { performance } from "node:perf_hooks";
import { groupsOf, lanesOf } from "./cases.mjs";
import { judge } from "./judge.mjs";
import { openLane } from "./lane.mjs";
import { runGroup } from "./run_group.mjs";

/**
 * @typedef {import("./lane.mjs").Driver} Driver
 * @typedef {import("./run_group.mjs").Case} Case
 * @typedef {import("./judge.mjs").Verdict & { driver: Driver, answers: string }} Result
 */

/** Lanes that work at the same time, for they wait a lot. Those that hardly do anything else are not counted. */
const LANES = 6;

/**
 * @param {{ driver: Driver, cases: Case[] }[]} plan
 * @param {{ progress?: (text: string) => void }} [options]
 * @returns {Promise<Result[]>}
 */
export async function runMatrix(plan, { progress = () => {} } = {}) {
  /** @type {Result[]} */
  const results = [];
  const lanes = plan.flatMap(({ driver, cases }) => lanesOf(groupsOf(cases, driver), driver).map((lane) => ({ driver, ...lane })));
  const next = lanes.filter(({ waits }) => !waits).values();
  const work = async () => {
    for (const lane of next) await runLane(lane, results, progress);
  };
  await Promise.all([...lanes.filter(({ waits }) => waits).map((lane) => runLane(lane, results, progress)), ...Array.from({ length: LANES }, work)]);
  return results;
}

/** @param {{ driver: Driver, groups: Case[][] }} of @param {Result[]} results @param {(text: string) => void} progress */
async function runLane({ driver, groups }, results, progress) {
  const start = performance.now();
  let lane = await openLane(driver);
  try {
    for (const group of groups) {
      const began = performance.now();
      try {
        const { courses, trouble } = await runGroup(group, lane);
        for (const course of courses) {
          const verdict = judge(course, lane);
          verdict.violations.push(...trouble.filter((text) => !text.includes(" / ") || text.startsWith(course.of.name)));
          results.push({ ...verdict, driver, answers: summary(course) });
        }
      } catch (error) {
        const text = `the case could not be run: ${error instanceof Error ? error.message : error}`;
        for (const of of group) results.push({ of, driver, doubleBilled: 0, lost: 0, stuck: 1, violations: [text], answers: "" });
        await lane.close().catch(() => {});
        lane = await openLane(driver);
      }
      const ms = Math.round(performance.now() - began);
      const wrong = results.filter(({ of }) => group.includes(of)).flatMap(({ violations }) => violations);
      progress(`${group[0].name.replace(/\d+$/, "")}${group.map(({ callers }) => callers).join(", ")} callers: ${wrong.length === 0 ? "ok" : wrong.join("; ")} (${ms} ms)`);
    }
  } finally {
    await lane.close();
  }
  progress(`${driver.name}: ${groups.length} groups in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

/** The answers of each round, counted. @param {import("./run_group.mjs").Course} course */
function summary({ rounds, onceMore }) {
  const text = (/** @type {import("./callers.mjs").Answer} */ { status, code, broken, replayed }) => broken ?? (code ? `${status} ${code}` : `${status}${replayed ? " replayed" : ""}`);
  const counted = rounds.map((answers) => {
    /** @type {Record<string, number>} */
    const counts = {};
    for (const answer of answers) counts[text(answer)] = (counts[text(answer)] ?? 0) + 1;
    return Object.entries(counts).map(([answer, count]) => (count === 1 ? answer : `${count} x ${answer}`)).join(", ");
  });
  return [...counted, `once more: ${onceMore === null ? "-" : text(onceMore)}`].join(" | ");
}
