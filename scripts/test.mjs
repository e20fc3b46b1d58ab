// `npm test`: everything, in one go; `npm test -- SUITE…`: some of it. The last line counts the tests.

import './lib/node_version.mjs';
import { existsSync, readdirSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { build } from './build.mjs';
import { readArgs } from './lib/args.mjs';
import { chromium } from './lib/chromium.mjs';
import { dependencySteps } from './lib/dependencies.mjs';
import { inRoot, isProgram, Problem, runProgram } from './lib/program.mjs';
import { quietTools, run } from './lib/run.mjs';
import { filesUnder } from './lib/stamp.mjs';
import { add, readTally } from './lib/tally.mjs';
import { wasmEnvironment } from './lib/wasm.mjs';
import { setupTestRunner, testRunner } from './setup.mjs';

const WASM = ['--target', 'wasm32-unknown-unknown'];

// For one test: one that hangs is to fail, not to hold everything up.
const TEST_LIMIT_MS = 600_000;
const ENVIRONMENT = {
  ...quietTools,
  CI: '1',
  NO_COLOR: '1',
  FORCE_COLOR: undefined,
  CARGO_TERM_COLOR: 'never',
  // A test runner that finds this in its environment takes itself for the child of another.
  NODE_TEST_CONTEXT: undefined,
};

// As in `cargo test`, but compiled for wasm32; integration tests that are for native targets only are left out.
const WASM_TESTS = ['cargo', 'test', '--locked', ...WASM, '--lib', '--test', 'checks', '--test', 'records', '--test', 'wasm'];
const WASM_TEST_ENVIRONMENT = {
  ...wasmEnvironment(),
  CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER: inRoot(testRunner),
  // The runner takes orders from here; these would have it run nothing.
  WASM_BINDGEN_TEST_ONLY_NODE: undefined,
  WASM_BINDGEN_TEST_ONLY_WEB: undefined,
};

/**
 * The suites in the order in which they run, each a list of steps. A step that counts tests has `counts`; one that needs
 * something has `prepare`, which may answer more of its environment, or `{ skip }`, the reason why it can't be run here.
 * Every folder of `tests/` with `*.test.mjs` files in it is a suite by its name; the commands come last, for they
 * build on everything else.
 */
function suites() {
  const all = new Map();
  all.set('rust', [
    { title: 'cargo fmt', command: ['cargo', 'fmt', '--check'] },
    { title: 'cargo clippy', command: ['cargo', 'clippy', '--locked', '--all-targets', '--', '-D', 'warnings'] },
    {
      title: 'cargo clippy for wasm',
      command: ['cargo', 'clippy', '--locked', '--all-targets', ...WASM, '--', '-D', 'warnings'],
      env: wasmEnvironment(),
    },
    {
      title: 'cargo clippy, the core alone',
      command: ['cargo', 'clippy', '--locked', '--no-default-features', '--', '-D', 'warnings'],
    },
    {
      title: 'cargo clippy for wasm, the core alone',
      command: ['cargo', 'clippy', '--locked', '--no-default-features', ...WASM, '--', '-D', 'warnings'],
    },
    {
      title: 'cargo doc',
      command: ['cargo', 'doc', '--locked', '--no-deps', '--lib'],
      env: { RUSTDOCFLAGS: '-D warnings' },
    },
    // What a test prints is part of what it shows: seeds, and how many states the model checker explored.
    { title: 'cargo test', command: ['cargo', 'test', '--locked', '--', '--show-output'], counts: true },
  ]);
  all.set('wasm', [
    {
      title: 'cargo test in wasm, Node',
      command: WASM_TESTS,
      env: WASM_TEST_ENVIRONMENT,
      prepare: setupTestRunner,
      counts: true,
    },
    {
      title: 'cargo test in wasm, headless Chromium',
      command: WASM_TESTS,
      env: { ...WASM_TEST_ENVIRONMENT, WASM_BINDGEN_USE_BROWSER: '1' },
      async prepare() {
        await setupTestRunner();
        const found = await chromium();
        return found.missing === undefined ? { env: { CHROMEDRIVER: found.driver } } : { skip: found.missing };
      },
      counts: true,
    },
  ]);
  if (existsSync(inRoot('worker/tsconfig.json'))) {
    const tsc = inRoot('node_modules/typescript/bin/tsc');
    all.set('types', [
      { title: 'tsc, the Worker', command: [process.execPath, tsc, '-p', 'worker'] },
      { title: 'tsc, the gateway elsewhere', command: [process.execPath, tsc, '-p', 'hosts'] },
      { title: 'tsc, the anonymous egress', command: [process.execPath, tsc, '-p', 'egress'] },
    ]);
  }
  all.set('dependencies', dependencySteps());
  const folders = readdirSync(inRoot('tests'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && testFiles(entry.name).length > 0)
    .map((entry) => entry.name)
    .sort((a, b) => (a === 'commands') - (b === 'commands') || a.localeCompare(b));
  for (const folder of folders) all.set(folder, [nodeTests(folder)]);
  return all;
}

function testFiles(folder) {
  return filesUnder(`tests/${folder}`).filter((file) => file.endsWith('.test.mjs'));
}

function nodeTests(folder) {
  // Three files at a time, for much of the time is waited; the commands one by one, for they share `build/`; fewer where much is
  // built or installed, more where nearly all is waited.
  const concurrency = { commands: 1, bench: 2, docs: 2, examples: 2, packaging: 2, conformance: 4, hosts: 4, stores: 4, worker: 4 }[folder] ?? 3;
  return {
    title: `node --test tests/${folder}`,
    command: [
      process.execPath, '--test', `--test-concurrency=${concurrency}`, `--test-timeout=${TEST_LIMIT_MS}`,
      '--test-reporter=spec', ...testFiles(folder),
    ],
    counts: true,
  };
}

/**
 * Runs one step and counts its tests. One that fails without a failed test counts as one, and so does one that should
 * have counted tests and ran none.
 */
async function runStep({ title, command: [command, ...args], env, prepare, counts = false }) {
  process.stdout.write(`\n== ${title}\n`);
  const start = performance.now();
  let prepared;
  try {
    prepared = await prepare?.();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    process.stdout.write(`== ${title}: FAILED, ${error.message}\n`);
    return { title, tally: { passed: 0, failed: 1, skipped: 0 }, ok: false };
  }
  if (prepared?.skip !== undefined) {
    process.stdout.write(`== ${title}: SKIPPED, ${prepared.skip}\n`);
    return { title, tally: { passed: 0, failed: 0, skipped: 1 }, ok: true };
  }
  const result = await run(command, args, { env: { ...ENVIRONMENT, ...env, ...prepared?.env }, show: 'stdout' });
  const tally = (counts ? readTally(result.output) : undefined) ?? { passed: 0, failed: 0, skipped: 0 };
  const ranNothing = counts && tally.passed + tally.failed + tally.skipped === 0;
  const ok = result.code === 0 && !ranNothing;
  if (!ok && tally.failed === 0) tally.failed = 1;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`== ${title}: ${ok ? 'ok' : ranNothing ? 'FAILED, no test ran,' : 'FAILED'} in ${seconds} s\n`);
  return { title, tally, ok };
}

async function main(argv) {
  const { values, positionals } = readArgs(argv, { help: { type: 'boolean' } }, { command: 'npm test', positionals: true });
  const all = suites();
  const names = [...all.keys()].join(', ');
  if (values.help) return void process.stdout.write(`npm test [-- SUITE…]\n\nRuns all suites or the named ones: ${names}.\n`);
  const unknown = positionals.find((name) => !all.has(name));
  if (unknown !== undefined) {
    throw new Problem(`There is no suite \`${unknown}\`: the suites are ${names}.`, { exitCode: 2 });
  }

  const start = performance.now();
  const chosen = positionals.length > 0 ? positionals : [...all.keys()];
  try {
    await build();
  } catch (error) {
    // The last line is there in any case.
    process.stdout.write('0 passed, 1 failed, 0 skipped\n');
    throw error;
  }
  const results = [];
  for (const name of chosen) {
    for (const step of all.get(name)) results.push(await runStep(step));
  }

  const total = results.map((result) => result.tally).reduce(add, { passed: 0, failed: 0, skipped: 0 });
  const minutes = ((performance.now() - start) / 60_000).toFixed(1);
  const failed = results.filter((result) => !result.ok).map((result) => result.title);
  process.stdout.write(`\n${failed.length === 0 ? 'All is well' : `Failed: ${failed.join(', ')}`} (${minutes} minutes)\n`);
  process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
  const countsTests = chosen.some((name) => all.get(name).some((step) => step.counts));
  const ranNothing = countsTests && total.passed + total.failed === 0;
  return failed.length > 0 || ranNothing ? 1 : 0;
}

if (isProgram(import.meta.url)) await runProgram(main);
