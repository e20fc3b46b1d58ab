// What the benchmarks need besides the package: bench/crate natively, untuned and tuned, blindrsa-ts, the plain JavaScript Worker
// and the bare one as bundles. The results are in `build/bench/`.

import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { build } from '../../scripts/build.mjs';
import { inRoot, progress } from '../../scripts/lib/program.mjs';
import { must } from '../../scripts/lib/run.mjs';
import { whenChanged } from '../../scripts/lib/stamp.mjs';
import { optimise, smallBuild } from '../../scripts/lib/wasm.mjs';
import { bindgenTool } from '../../scripts/setup.mjs';

const CRATE = ['bench/crate/Cargo.toml', 'bench/crate/Cargo.lock', 'bench/crate/src', 'src/inverse.rs', 'src/modulus.rs', 'src/pss.rs', 'bench/lib/build.mjs', 'rust-toolchain.toml'];
const TARGET_DIR = 'build/bench/target';
const WASM_TARGET = 'wasm32-unknown-unknown';

/** What {@link buildContenders} leaves behind. */
export const built = {
  native: 'build/bench/native',
  /** blind-rsa-signatures as cargo builds it by itself. */
  untuned: { js: 'build/bench/untuned/bench.js', wasm: 'build/bench/untuned/bench_bg.wasm' },
  /** The same crate, built as the package is. */
  tuned: { js: 'build/bench/tuned/bench.js', wasm: 'build/bench/tuned/bench_bg.wasm' },
  blindrsaTs: 'build/bench/blindrsa_ts.mjs',
  baseline: 'build/bench/baseline.mjs',
  bare: 'build/bench/bare.mjs',
};

/** The package, and everything that it is measured against. */
export async function buildContenders() {
  await build();
  await native();
  const untuned = ['--release', '--locked', '--lib', '--crate-type', 'cdylib', '--target', WASM_TARGET, '--target-dir', TARGET_DIR];
  await inWasm('untuned', { args: untuned, folder: `${TARGET_DIR}/${WASM_TARGET}/release`, env: { CARGO_ENCODED_RUSTFLAGS: '--cfg\x1fcpubits="64"', RUSTFLAGS: undefined } });
  const { args, ...small } = smallBuild();
  await inWasm('tuned', { args: [...args, ...profileOfTheLibrary()], ...small, optimised: true });
  await bundle('blindrsa_ts', built.blindrsaTs, 'node_modules/@cloudflare/blindrsa-ts/lib/src/index.js', []);
}

/** The Workers that the gateway's benchmark compares. */
export async function buildWorkers() {
  await build();
  await bundle('baseline', built.baseline, 'bench/baseline_worker/index.mjs', ['bench/baseline_worker', 'bench/contenders']);
  await bundle('bare', built.bare, 'bench/bare_worker/index.mjs', ['bench/bare_worker', 'worker/openapi.ts']);
}

function native() {
  return whenChanged({
    name: 'bench-native',
    inputs: CRATE,
    outputs: [built.native],
    async work() {
      progress('Compiling blind-rsa-signatures natively …');
      await must('Compiling bench/crate', 'cargo', ['build', '--release', '--locked', '--manifest-path', 'bench/crate/Cargo.toml', '--target-dir', TARGET_DIR]);
      copyFileSync(inRoot(TARGET_DIR, 'release/relay-edge-bench'), inRoot(built.native));
    },
  });
}

function inWasm(name, { args, folder, env, optimised = false }) {
  return whenChanged({
    name: `bench-${name}`,
    inputs: [...CRATE, ...(optimised ? ['Cargo.toml', 'scripts/lib/wasm.mjs', 'node_modules/binaryen/package.json'] : [])],
    outputs: Object.values(built[name]),
    async work() {
      progress(`Compiling blind-rsa-signatures to WebAssembly, ${name} …`);
      const out = emptied(`build/bench/${name}`);
      await must('Compiling bench/crate', 'cargo', ['rustc', '--manifest-path', 'bench/crate/Cargo.toml', ...args], { env });
      await must('wasm-bindgen', inRoot(bindgenTool), ['bindgen', inRoot(folder, 'relay_edge_bench.wasm'), out, 'bench']);
      const module = path.join(out, 'bench_bg.wasm');
      if (optimised) await optimise(module, module);
    },
  });
}

/** `[profile.release]` of Cargo.toml and those of single packages, as options of cargo. */
function profileOfTheLibrary() {
  const sections = readFileSync(inRoot('Cargo.toml'), 'utf8').matchAll(/^\[(profile\.release(?:\.package\.[\w-]+)?)\]\n(.*?)(?=^\[|$(?![\s\S]))/gms);
  return [...sections].flatMap(([, name, lines]) => [...lines.matchAll(/^([a-z-]+) = (.+)$/gm)].flatMap(([, key, value]) => ['--config', `${name}.${key}=${value}`]));
}

function bundle(name, output, entry, inputs) {
  return whenChanged({
    name: `bench-${name}`,
    inputs: [...inputs, 'package-lock.json', 'bench/lib/build.mjs'],
    outputs: [output],
    async work() {
      // Imported only after the set-up, because it is an npm package.
      const esbuild = await import('esbuild');
      await esbuild.build({ entryPoints: [inRoot(entry)], outfile: inRoot(output), bundle: true, format: 'esm', platform: 'neutral', external: ['cloudflare:*'], mainFields: ['module', 'main'], target: 'es2022', logLevel: 'warning' });
    },
  });
}

function emptied(folder) {
  rmSync(inRoot(folder), { recursive: true, force: true });
  mkdirSync(inRoot(folder), { recursive: true });
  return inRoot(folder);
}
