// `npm run size`: how large the module and the Worker are, and what takes the space. `--json` for programs.

import './lib/node_version.mjs';
import { readFileSync } from 'node:fs';
import { build } from './build.mjs';
import { isProgram, Problem, runProgram } from './lib/program.mjs';
import { budgets, inWords, partsTable, shipped } from './lib/size.mjs';
import { namedModule } from './lib/wasm.mjs';
import { partsOf } from './lib/wasm_parts.mjs';

const LARGEST = 20;

/** Everything that is told. */
async function report() {
  // How large it is, is the question.
  await build({ anySize: true });
  const named = readFileSync(await namedModule());
  const functions = partsOf(named)
    .functions.map(({ name, bytes }) => ({ name: name.replace(/\[[0-9a-f]{12,}\]/g, ''), raw: bytes.length }))
    .sort((a, b) => b.raw - a.raw);
  return { budgets, shipped: shipped(), parts: partsTable(named), functions };
}

function print({ shipped, parts, functions }) {
  const lines = [
    `relay_edge_bg.wasm: ${inWords(shipped.wasm)}; budget ${budgets.wasm / 1000} kB with gzip`,
    `the Worker's JavaScript: ${inWords(shipped.javascript)}`,
    `the Worker: ${inWords(shipped.worker)}; budget ${budgets.worker / 1000} kB with gzip`,
    '',
    '| crate or module | functions | bytes | gzip |',
    '| --- | ---: | ---: | ---: |',
    ...parts.map(({ name, functions, raw, gzip }) => `| ${name} | ${functions || ''} | ${raw} | ${gzip} |`),
    '',
    '| the largest functions | bytes |',
    '| --- | ---: |',
    ...functions.slice(0, LARGEST).map(({ name, raw }) => `| \`${name.slice(0, 100)}\` | ${raw} |`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

if (isProgram(import.meta.url)) {
  await runProgram(async (args) => {
    if (args.some((arg) => arg !== '--json')) throw new Problem('usage: npm run size [-- --json]', { exitCode: 2 });
    const found = await report();
    if (args.length > 0) process.stdout.write(`${JSON.stringify(found)}\n`);
    else print(found);
  });
}
