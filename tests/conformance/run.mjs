// `npm run test:runtimes`: the conformance suite in every runtime, as a table.

import "../../scripts/lib/node_version.mjs";
import { build } from "../../scripts/build.mjs";
import { readArgs } from "../../scripts/lib/args.mjs";
import { Problem, isProgram, runProgram } from "../../scripts/lib/program.mjs";
import { outline } from "./cases/index.mjs";
import { allColumns } from "./columns.mjs";
import { runColumn } from "./host/run_column.mjs";
import { table } from "./host/table.mjs";

const HELP = (ids) => `npm run test:runtimes [-- RUNTIME… [--case NAME]]

Runs the cases of tests/conformance/ in all runtimes, or in those whose names begin so, and prints a table.
--case NAME runs the cases only whose names contain it.

Runtimes: ${ids.join(", ")}
`;

/** How many runtimes are at it at once: most of the time they wait. */
const AT_ONCE = 4;

async function main(argv) {
  const { values, positionals } = readArgs(argv, { case: { type: "string" }, help: { type: "boolean" } }, { command: "npm run test:runtimes", positionals: true });
  const all = await allColumns();
  if (values.help) return void process.stdout.write(HELP(all.map(({ id }) => id)));
  const unknown = positionals.find((name) => !all.some(({ id }) => id.startsWith(name)));
  if (unknown !== undefined) throw new Problem(`There is no runtime \`${unknown}\`: the runtimes are ${all.map(({ id }) => id).join(", ")}.`, { exitCode: 2 });
  const only = (name) => values.case === undefined || name.includes(values.case);
  if (!outline().some(({ name }) => only(name))) throw new Problem(`There is no case with \`${values.case}\` in its name.`, { exitCode: 2 });
  const columns = positionals.length === 0 ? all : all.filter(({ id }) => positionals.some((name) => id.startsWith(name)));
  await build();

  const start = Date.now();
  const results = new Array(columns.length);
  const next = columns.entries();
  const work = async () => {
    for (const [index, column] of next) {
      results[index] = await runColumn(column, { only });
      process.stderr.write(`${column.title}: ${(results[index].ms / 1000).toFixed(1)} s\n`);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  const { text, failed } = table(results, Date.now() - start);
  process.stdout.write(text);
  return failed > 0 ? 1 : 0;
}

if (isProgram(import.meta.url)) {
  await runProgram(main);
  // A browser's or a runtime's connection may linger.
  process.exit();
}
