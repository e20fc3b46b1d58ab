// `npm run test:faults`: the fault matrix, with its table.

import "../../scripts/lib/node_version.mjs";
import { performance } from "node:perf_hooks";
import { build } from "../../scripts/build.mjs";
import { readArgs } from "../../scripts/lib/args.mjs";
import { isProgram, Problem, progress, runProgram } from "../../scripts/lib/program.mjs";
import { DRIVERS } from "./drivers/index.mjs";
import { casesOf, defaultCasesOf } from "./lib/cases.mjs";
import { runMatrix } from "./lib/run_matrix.mjs";
import { table, totals } from "./lib/table.mjs";

const HELP = `npm run test:faults [-- --full] [--driver NAME]… [--case TEXT]

Makes every upstream call go wrong in every way, kills what can be killed at the moment upstream has processed, calls
again until it settles and then once more, and compares what callers got with what was billed and spent. Without --full:
each row of the table with every driver, with 1, 4 or 20 callers in turn (rows of purchases under a caller's own key: every
third); in the gateways, where time can't be moved on, some of what hangs or sticks.

  --full          every case
  --driver NAME   only this driver: ${DRIVERS.map(({ name }) => name).join(", ")}
  --case TEXT     only cases whose name has this in it; all of those that there are
  --verbose       what was answered in each round
  --no-build      do not build what is out of date first
  --help          this text
`;

const OPTIONS = /** @type {const} */ ({
  full: { type: "boolean" },
  driver: { type: "string", multiple: true },
  case: { type: "string" },
  verbose: { type: "boolean" },
  "no-build": { type: "boolean" },
  help: { type: "boolean" },
});

/** @param {{ full?: boolean, names?: string[], text?: string }} which */
export function planOf({ full = false, names = undefined, text = undefined }) {
  const drivers = DRIVERS.filter(({ name }) => names === undefined || names.includes(name));
  return drivers.map((driver) => {
    const cases = full || text !== undefined ? casesOf(driver) : defaultCasesOf(driver, DRIVERS.indexOf(driver));
    return { driver, cases: cases.filter(({ name }) => text === undefined || name.includes(text)) };
  });
}

/** @param {ReturnType<typeof planOf>} plan @param {import("./lib/run_matrix.mjs").Result[]} results @returns {string} what is printed */
export function report(plan, results) {
  const own = results.filter(({ driver }) => !driver.mustFail);
  const failing = results.filter(({ driver }) => driver.mustFail);
  const wrong = own.filter(({ violations }) => violations.length > 0);
  return [
    table(plan.map(({ driver }) => driver), results),
    "",
    ...wrong.map(({ of, violations, answers }) => `WRONG ${of.name}\n  ${violations.join("; ")}\n  rounds: ${answers}\n  again: npm run test:faults -- --case '${of.name}'`),
    totals(own, "total"),
    ...(failing.length > 0 ? [totals(failing, "stateless, which has to fail")] : []),
  ].join("\n");
}

async function main(argv) {
  const { values } = readArgs(argv, OPTIONS, { command: "npm run test:faults" });
  if (values.help) return void process.stdout.write(HELP);
  const unknown = values.driver?.find((name) => !DRIVERS.some((driver) => driver.name === name));
  if (unknown !== undefined) throw new Problem(`There is no driver \`${unknown}\`: there are ${DRIVERS.map(({ name }) => name).join(", ")}.`, { exitCode: 2 });
  if (!values["no-build"]) await build();

  const plan = planOf({ full: values.full, names: values.driver, text: values.case });
  if (plan.every(({ cases }) => cases.length === 0)) throw new Problem("No case has that in its name: `fault / call / survives or killed / callers`, after the driver.", { exitCode: 2 });
  const start = performance.now();
  const results = await runMatrix(plan, { progress });
  if (values.verbose) for (const { of, answers } of results) process.stdout.write(`${of.name}: ${answers}\n`);
  process.stdout.write(`${report(plan, results)}\n${((performance.now() - start) / 1000).toFixed(0)} s\n`);
  return results.some(({ driver, violations }) => !driver.mustFail && violations.length > 0) ? 1 : 0;
}

if (isProgram(import.meta.url)) await runProgram(main);
