// `npm run size`: how large the module and the Worker are, and what takes the space.

import './lib/node_version.mjs';
import { readFileSync } from 'node:fs';
import { build } from './build.mjs';
import { readArgs } from './lib/args.mjs';
import { isProgram, runProgram } from './lib/program.mjs';
import { budgets, inWords, partsTable, shipped } from './lib/size.mjs';
import { namedModule } from './lib/wasm.mjs';
import { partsOf } from './lib/wasm_parts.mjs';

const HELP = `npm run size [-- --json | --write]

Builds, and tells how large the module and the Worker are and what takes the space, by crate and by function.

  --json    for programs
  --write   keeps the sizes in bench/results/, and draws docs/benchmarks.md from there
  --help    this text
`;

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

async function main(argv) {
  const flag = /** @type {const} */ ({ type: 'boolean' });
  const { values } = readArgs(argv, { json: flag, write: flag, help: flag }, { command: 'npm run size' });
  if (values.help) return void process.stdout.write(HELP);
  const found = await report();
  if (values.json) return void process.stdout.write(`${JSON.stringify(found)}\n`);
  print(found);
  if (!values.write) return;
  // It needs npm packages, which are there once something is built.
  const { writePage, writeResults, RESULTS } = await import('../bench/lib/page.mjs');
  const { functions, ...kept } = found;
  writeResults('size', kept, RESULTS);
  writePage();
}

if (isProgram(import.meta.url)) await runProgram(main);
