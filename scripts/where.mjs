// `npm run where`: the line of the source that a place in the deployed Worker comes from. Its code is minified, so the log's `fault`
// names a place in `index.js`.

import './lib/node_version.mjs';
import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import path from 'node:path';
import { build } from './build.mjs';
import { readArgs } from './lib/args.mjs';
import { inRoot, isProgram, Problem, root, runProgram } from './lib/program.mjs';

const HELP = `npm run where -- index.js:LINE:COLUMN

Tells which line of the source a place in the deployed Worker comes from, as \`fault\` in its log names it. For the release that is
checked out: check out the one that is deployed.

  --help  this text
`;

/**
 * @param {string} place `index.js:LINE:COLUMN`, both counted from 1; more text around it does not matter
 * @returns {{ line: number, column: number }}
 * @throws {Problem}
 */
function readPlace(place) {
  const [, line, column] = /\bindex\.js:(\d+):(\d+)/.exec(place) ?? [];
  if (line === undefined) throw new Problem(`\`${place}\` is no place in the Worker: give it as the log does, index.js:LINE:COLUMN.`, { exitCode: 2 });
  return { line: Number(line), column: Number(column) };
}

/**
 * Where a place of the Worker in `build/worker/` comes from: `FILE:LINE:COLUMN` in the checkout.
 *
 * @param {string} place see {@link readPlace}
 * @throws {Problem}
 */
export function whereIs(place) {
  const { line, column } = readPlace(place);
  const map = JSON.parse(readFileSync(inRoot('build/worker/index.js.map'), 'utf8'));
  const { originalSource, originalLine, originalColumn } = new SourceMap(map).findEntry(line - 1, column - 1);
  if (originalSource === undefined) throw new Problem(`Nothing of the source is at ${line}:${column} of this build: check out the release that is deployed.`);
  return `${path.relative(root, path.resolve(inRoot('build/worker'), originalSource))}:${originalLine + 1}:${originalColumn + 1}`;
}

async function main(argv) {
  const { values, positionals } = readArgs(argv, { help: { type: 'boolean' } }, { command: 'npm run where', positionals: true });
  if (values.help) return void process.stdout.write(HELP);
  const place = positionals.join(' ');
  readPlace(place); // before a build is waited for
  await build();
  process.stdout.write(`${whereIs(place)}\n`);
}

if (isProgram(import.meta.url)) await runProgram(main);
