/** One runtime and all the cases. */
import { outline } from "../cases/index.mjs";
import { project } from "./project.mjs";
import { startSimulator } from "./processes.mjs";

/**
 * @typedef {import("../neutral/suite.mjs").Outcome} Outcome
 *
 * @typedef {object} Column a runtime, as it is set up
 * @property {string} id what it is chosen by on the command line
 * @property {string} group the runtime, as `notIn` of a case has it
 * @property {string} short the rest of its name, for the head of a column
 * @property {string} title
 * @property {() => Promise<string | undefined>} missing why it can't be run here
 * @property {(task: { folder: string, names: string[], url: string, runtime: string }, report: (outcome: Outcome) => void) => Promise<void>} run
 *   carries out the cases of these names, one after the other; `folder` is the project's
 */

/**
 * @param {Column} column @param {{ only?: (name: string) => boolean, source?: string }} [options] `source`: the folder of the package
 * @returns {Promise<{ column: Column, outcomes: Map<string, Outcome>, missing?: string, ms: number }>} an outcome for every case
 */
export async function runColumn(column, { only = () => true, source } = {}) {
  const start = Date.now();
  const names = outline().map(({ name }) => name).filter(only);
  /** @type {Map<string, Outcome>} */
  const outcomes = new Map();
  const missing = await column.missing();
  let broken = "the runtime told of no outcome";
  if (missing === undefined) {
    const simulator = await startSimulator();
    try {
      const folder = await project(source);
      await column.run({ folder, names, url: simulator.url, runtime: column.group }, (outcome) => outcomes.set(outcome.name, outcome));
    } catch (error) {
      broken = String(error?.stack ?? error);
    } finally {
      simulator.close();
    }
  }
  for (const name of names) {
    if (outcomes.has(name)) continue;
    outcomes.set(name, missing === undefined ? { name, status: "FAIL", ms: 0, detail: `it did not run: ${broken}` } : { name, status: "skip", ms: 0, detail: missing });
  }
  return { column, outcomes, missing, ms: Date.now() - start };
}
