// `npm run test:wasm-pack`: the tests in wasm as `wasm-pack test` runs them, in Node and in headless Chromium.
//
// Not a part of `npm test`, which runs the same tests without it: wasm-pack alone takes minutes to compile.

import './lib/node_version.mjs';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { readArgs } from './lib/args.mjs';
import { cargoTool } from './lib/cargo_tool.mjs';
import { chromium } from './lib/chromium.mjs';
import { inRoot, isProgram, Problem, runProgram } from './lib/program.mjs';
import { must, run } from './lib/run.mjs';
import { add, readTally } from './lib/tally.mjs';
import { setup, setupTestRunner, testRunner } from './setup.mjs';

const VERSION = '0.15.0';

const HELP = `npm run test:wasm-pack

Runs \`wasm-pack test --node\` and \`wasm-pack test --headless --chrome\`, with wasm-pack ${VERSION} from crates.io and the
pinned test runner of this checkout.
`;

/**
 * A folder for PATH with the pinned test runner. wasm-pack looks for `wasm-bindgen`, asks it for its version, and then
 * takes the test runner beside it; the runner tells the same version.
 */
function runnerOnPath() {
  const folder = inRoot('build/tools/wasm-pack-path');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['wasm-bindgen', 'wasm-bindgen-test-runner']) symlinkSync(inRoot(testRunner), path.join(folder, name));
  return folder;
}

async function main(argv) {
  const { values } = readArgs(argv, { help: { type: 'boolean' } }, { command: 'npm run test:wasm-pack' });
  if (values.help) return void process.stdout.write(HELP);
  await setup();
  await setupTestRunner();
  const wasmPack = await cargoTool('wasm-pack', { version: VERSION });
  const found = await chromium();
  const folders = [runnerOnPath(), ...(found.missing === undefined ? [path.dirname(found.driver)] : [])];
  const env = { PATH: [...folders, process.env.PATH].join(path.delimiter), CI: '1', CARGO_TERM_COLOR: 'never' };

  let total = { passed: 0, failed: 0, skipped: 0 };
  for (const where of [['--node'], ['--headless', '--chrome']]) {
    const args = ['test', ...where, '--mode', 'no-install', '--', '--locked'];
    const title = `wasm-pack ${args.join(' ')}`;
    process.stdout.write(`\n== ${title}\n`);
    if (where.includes('--chrome') && found.missing !== undefined) {
      process.stdout.write(`== ${title}: SKIPPED, ${found.missing}\n`);
      total = add(total, { passed: 0, failed: 0, skipped: 1 });
      continue;
    }
    const result = await run(wasmPack, args, { env, show: 'stdout' });
    if (result.missing) throw new Problem('wasm-pack is gone: run the command again.');
    const tally = readTally(result.output) ?? { passed: 0, failed: 0, skipped: 0 };
    // A run that finds nothing to test is no good news.
    const ok = result.code === 0 && tally.passed > 0;
    if (!ok && tally.failed === 0) tally.failed = 1;
    process.stdout.write(`== ${title}: ${ok ? 'ok' : 'FAILED'}\n`);
    total = add(total, tally);
  }
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  return total.failed > 0 ? 1 : 0;
}

if (isProgram(import.meta.url)) await runProgram(main);
