// Rust to WebAssembly: compile, bind, optimise. The result is `build/wasm/`.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { bindgenTool } from '../setup.mjs';
import { patchGlue } from './patch_glue.mjs';
import { inRoot, progress, root } from './program.mjs';
import { must } from './run.mjs';
import { shortNames } from './short_names.mjs';
import { whenChanged } from './stamp.mjs';

const TARGET = 'wasm32-unknown-unknown';

/** What the build of the wasm leaves behind. */
export const wasmOutputs = ['build/wasm/relay_edge.js', 'build/wasm/relay_edge_bg.wasm'];

/**
 * wasm-opt's passes, for size: with -O3 the module is larger and no faster.
 *
 * `--low-memory-unused`: nothing is at an address below 1024 but the end of the stack, which who comes there is about to
 * overflow; so offsets may be folded into loads and stores.
 */
const PASSES = [
  '-Oz', '--converge', '--low-memory-unused', '--one-caller-inline-max-function-size=10',
  '--strip-producers', '--strip-target-features',
];

/**
 * The environment for everything that compiles for wasm32.
 *
 * Flags in the environment replace those of .cargo/config.toml, so its `cpubits` stands here again; the paths are
 * taken out of panic messages, so that two checkouts build the same bytes.
 *
 * @param {...string} more flags of rustc
 */
export function wasmEnvironment(...more) {
  const cargoHome = process.env.CARGO_HOME ?? path.join(homedir(), '.cargo');
  const flags = [
    '--cfg', 'cpubits="32"',
    '-C', 'link-arg=--max-memory=67108864',
    `--remap-path-prefix=${cargoHome}=/cargo`,
    `--remap-path-prefix=${root}=/relay-edge`,
    ...librarySources(),
    ...more,
  ];
  return { CARGO_ENCODED_RUSTFLAGS: flags.join('\x1f'), RUSTFLAGS: undefined };
}

/**
 * Where the sources of the standard library are installed (rustup's `rust-src`), rustc names them by their place on this
 * machine; where they are not, by the commit that the compiler is of. So: by the commit.
 */
function librarySources() {
  const said = (...args) => spawnSync('rustc', args, { cwd: root, encoding: 'utf8' }).stdout ?? '';
  const commit = /^commit-hash: (\w+)$/m.exec(said('-vV'))?.[1];
  // Without a rustc, the step that needs it says so.
  if (commit === undefined) return [];
  return [`--remap-path-prefix=${path.join(said('--print', 'sysroot').trim(), 'lib/rustlib/src/rust')}=/rustc/${commit}`];
}

/**
 * The standard library, compiled with the crate instead of taken as it comes: for size, and without the code that words a
 * panic. A panic traps at once; nobody would read its message, and js/guard.js turns the trap into an error either way.
 * docs/benchmarks.md has what that takes off. These options are not stable yet, though the toolchain, which is pinned, is;
 * `RUSTC_BOOTSTRAP` is how a stable one takes them.
 */
const OWN_STD = {
  args: ['-Zbuild-std=std,panic_abort', '-Zbuild-std-features=optimize_for_size'],
  flags: ['-Zunstable-options', '-Cpanic=immediate-abort', '-Zlocation-detail=none', '-Zfmt-debug=none'],
  env: { RUSTC_BOOTSTRAP: '1' },
};

/** How `cargo rustc` makes a module as small as this one: options, where to, and the environment. */
export function smallBuild() {
  return {
    args: [...OWN_STD.args, '--release', '--locked', '--lib', '--crate-type', 'cdylib', '--target', TARGET, '--target-dir', 'target/small'],
    folder: `target/small/${TARGET}/release`,
    env: { ...wasmEnvironment(...OWN_STD.flags), ...OWN_STD.env },
  };
}

/** Builds the wasm module and its glue when the Rust sources have changed. */
export function buildWasm() {
  return whenChanged({
    name: 'wasm',
    inputs: [
      'src', 'Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml', '.cargo', 'tools/wasm-bindgen/Cargo.lock',
      'tools/wasm-bindgen/src', 'scripts/lib/wasm.mjs', 'scripts/lib/patch_glue.mjs', 'scripts/lib/short_names.mjs', 'scripts/lib/wasm_parts.mjs',
      'node_modules/binaryen/package.json',
    ],
    outputs: wasmOutputs,
    work,
  });
}

async function work() {
  const bound = inRoot('build/bindgen');
  const out = inRoot('build/wasm');
  for (const folder of [bound, out]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }

  progress('Compiling the Rust crate to WebAssembly …');
  // `--crate-type cdylib` stands here instead of in Cargo.toml: a crate that is an rlib as well loses its LTO.
  const { args, folder, env } = smallBuild();
  await must('Compiling to WebAssembly', 'cargo', ['rustc', ...args], { env, show: 'stderr' });

  progress('Generating the JavaScript glue and optimising the module …');
  const compiled = inRoot(folder, 'relay_edge.wasm');
  await must('wasm-bindgen', inRoot(bindgenTool), ['bindgen', compiled, bound, 'relay_edge']);
  const [boundModule, boundGlue] = [path.join(bound, 'relay_edge_bg.wasm'), path.join(bound, 'relay_edge.js')];
  const { module, glue } = shortNames(readFileSync(boundModule), readFileSync(boundGlue, 'utf8'));
  writeFileSync(boundModule, module);
  await optimise(boundModule, path.join(out, 'relay_edge_bg.wasm'));
  writeFileSync(path.join(out, 'relay_edge.js'), patchGlue(glue));
}

/** Makes the module once more, with the names of its functions; answers where it is. */
export async function namedModule() {
  const named = inRoot('build/size/relay_edge_bg.wasm');
  mkdirSync(path.dirname(named), { recursive: true });
  await optimise(inRoot('build/bindgen/relay_edge_bg.wasm'), named, '--debuginfo');
  return named;
}

/** wasm-opt, as for the module that ships. */
export async function optimise(input, output, ...options) {
  const wasmOpt = inRoot('node_modules/binaryen/bin/wasm-opt');
  await must('wasm-opt', process.execPath, [wasmOpt, ...PASSES, ...options, '--output', output, input]);
}
