/** The outcomes of a runtime's cases as tests of node:test, so that they are counted. */
import { describe, test } from "node:test";
import { runColumn } from "./run_column.mjs";

/** How many runtimes a test file has at it at once: most of the time they wait. */
const AT_ONCE = 2;

/** @param {string} runner the name of a file in runners/ */
export async function conformanceTests(runner) {
  const { columns } = await import(`../runners/${runner}.mjs`);
  const results = new Array(columns.length);
  const next = columns.entries();
  const work = async () => {
    for (const [index, column] of next) results[index] = await runColumn(column);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const { column, outcomes } of results) {
    describe(column.title, () => {
      for (const { name, status, detail } of outcomes.values()) {
        test(name, { skip: ["skip", "n/a"].includes(status) && detail }, () => {
          if (status !== "ok") throw new Error(detail);
        });
      }
    });
  }
}
