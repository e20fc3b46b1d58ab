// Makes a fresh checkout ready: the Rust toolchain and its wasm target, the npm packages, the wasm-bindgen tool.
// Everything else here calls it first, and on a checkout that is ready it takes a tenth of a second.

import './lib/node_version.mjs';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { inRoot, isProgram, Problem, progress, runProgram } from './lib/program.mjs';
import { must, run } from './lib/run.mjs';
import { hashOf, whenChanged } from './lib/stamp.mjs';

const WASM_TARGET = 'wasm32-unknown-unknown';
/** What rust-src brings: the release compiles the standard library too (scripts/lib/wasm.mjs). */
const STANDARD_LIBRARY = 'lib/rustlib/src/rust/library/Cargo.lock';

/** The wasm-bindgen tool, once {@link setup} has run. */
export const bindgenTool = 'build/tools/debug/relay-edge-wasm-bindgen';

/** The runner of the tests in wasm, once {@link setupTestRunner} has run. */
export const testRunner = 'build/tools/debug/wasm-bindgen-test-runner';

/** Makes everything ready that the other scripts need. */
export async function setup() {
  await rustToolchain();
  await npmPackages();
  await wasmBindgen();
}

async function rustToolchain() {
  const cargo = await run('cargo', ['--version']);
  if (cargo.missing) {
    throw new Problem(
      'cargo is missing: install Rust with rustup from https://rustup.rs, open a new shell and run the command again.',
    );
  }
  if (await toolchainIsComplete()) return;

  const channel = /channel = "([^"]+)"/.exec(readFileSync(inRoot('rust-toolchain.toml'), 'utf8'))[1];
  const installed = await run('rustup', ['toolchain', 'list']);
  if (installed.missing) {
    throw new Problem(
      `This Rust has no ${WASM_TARGET} target, and there is no rustup to add it: ` +
        `install Rust ${channel} with rustup from https://rustup.rs and run the command again.`,
    );
  }
  progress(`Adding Rust ${channel} with the ${WASM_TARGET} target …`);
  if (installed.stdout.includes(`${channel}-`)) {
    const to = ['--toolchain', channel];
    await must(`Adding the target ${WASM_TARGET}`, 'rustup', ['target', 'add', ...to, WASM_TARGET], { show: 'stderr' });
    await must('Adding clippy, rustfmt and rust-src', 'rustup', ['component', 'add', ...to, 'clippy', 'rustfmt', 'rust-src'], { show: 'stderr' });
  } else {
    await must(`Installing Rust ${channel}`, 'rustup', [
      'toolchain', 'install', channel, '--profile', 'minimal', '--no-self-update',
      '--component', 'clippy', '--component', 'rustfmt', '--component', 'rust-src', '--target', WASM_TARGET,
    ], { show: 'stderr' });
  }
  if (!(await toolchainIsComplete())) {
    throw new Problem(
      `Rust ${channel} is still incomplete: run \`rustup target add ${WASM_TARGET}\` in the checkout and see what it says.`,
    );
  }
}

async function toolchainIsComplete() {
  const found = await run('rustc', ['--print', 'sysroot', '--print', 'target-libdir', '--target', WASM_TARGET]);
  if (found.code !== 0) return false;
  const [sysroot, wasmLibraries] = found.stdout.trim().split('\n');
  const needed = ['bin/cargo-clippy', 'bin/rustfmt', STANDARD_LIBRARY].map((name) => `${sysroot}/${name}`);
  return [wasmLibraries, ...needed].every(existsSync);
}

async function npmPackages() {
  // Kept inside node_modules, so that deleting the folder deletes it too.
  const stamp = inRoot('node_modules/.relay-edge');
  const hash = hashOf(['package.json', 'package-lock.json']);
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return;
  progress('Installing the npm packages …');
  await must('Installing the npm packages', 'npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { show: 'stderr' });
  writeFileSync(stamp, hash);
}

async function wasmBindgen() {
  await pinnedTool('wasm-bindgen', bindgenTool, '20 s or more', []);
}

/** Makes {@link testRunner} ready, which only the tests in wasm need. */
export async function setupTestRunner() {
  const feature = ['--features', 'test-runner', '--bin', 'wasm-bindgen-test-runner'];
  await pinnedTool('wasm-bindgen-test-runner', testRunner, '40 s or more', feature);
}

async function pinnedTool(name, output, duration, args) {
  const tool = 'tools/wasm-bindgen';
  await whenChanged({
    name,
    inputs: [`${tool}/Cargo.toml`, `${tool}/Cargo.lock`, `${tool}/src`, 'rust-toolchain.toml'],
    outputs: [output],
    async work() {
      progress(`Compiling ${name}, once (${duration}) …`);
      await must(`Compiling ${name}`, 'cargo', [
        'build', '--locked', '--manifest-path', `${tool}/Cargo.toml`, '--target-dir', 'build/tools', ...args,
      ], { show: 'stderr' });
    },
  });
}

if (isProgram(import.meta.url)) {
  await runProgram(async () => {
    await setup();
    progress('Everything is set up.');
  });
}
