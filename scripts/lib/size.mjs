// How large what is shipped is, and how large it may be.

import { existsSync, readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { inRoot, Problem } from './program.mjs';
import { crateOf, partsOf } from './wasm_parts.mjs';
import { workerModules } from './worker_bundle.mjs';

/** The most that each may take with gzip, in bytes. A deployment sends both at once, and an isolate starts from them. */
export const budgets = { wasm: 62_000, worker: 104_000 };

/**
 * @typedef {{ raw: number, gzip: number, brotli: number }} Size in bytes; each file is compressed by itself, as hard as
 *   gzip and brotli can
 */

/** @param {...(Buffer | string)} files @returns {Size} of all together */
export function sizeOf(...files) {
  const sum = (size) => files.reduce((total, file) => total + size(Buffer.from(file)), 0);
  return {
    raw: sum((bytes) => bytes.length),
    gzip: sum((bytes) => zlib.gzipSync(bytes, { level: 9 }).length),
    brotli: sum((bytes) => zlib.brotliCompressSync(bytes).length),
  };
}

/** What is shipped, as it was built: the module, the Worker's JavaScript, and the two together. */
export function shipped() {
  const wasm = readFileSync(inRoot('build/wasm/relay_edge_bg.wasm'));
  if (!existsSync(inRoot('build/worker/index.js'))) return { wasm: sizeOf(wasm) };
  const files = workerModules().map(({ contents }) => contents);
  return { wasm: sizeOf(wasm), javascript: sizeOf(files[0]), worker: sizeOf(...files) };
}

/**
 * @param {Partial<Record<keyof typeof budgets, Size>>} sizes
 * @throws {Problem} when one is over its budget
 */
export function checkBudgets(sizes) {
  for (const [name, what] of [['wasm', 'The WebAssembly module'], ['worker', 'The deployed Worker']]) {
    const gzip = sizes[name]?.gzip ?? 0;
    if (gzip <= budgets[name]) continue;
    throw new Problem(
      `${what} takes ${gzip} bytes with gzip, ${gzip - budgets[name]} over its budget of ${budgets[name]}: ` +
        '`npm run size` tells what takes the space; the budgets stand in scripts/lib/size.mjs.',
    );
  }
}

/** One line on a size. */
export function inWords({ raw, gzip, brotli }) {
  const [kb, zipped, brotlied] = [raw, gzip, brotli].map((bytes) => `${(bytes / 1000).toFixed(1)} kB`);
  return `${kb}, ${zipped} with gzip, ${brotlied} with brotli`;
}

/**
 * What each crate, and each module of ours, takes of a module with names, and so each section but the code.
 *
 * @param {Buffer} module
 * @returns {{ name: string, functions: number, raw: number, gzip: number }[]} the largest first; `gzip` is of each part by
 *   itself, so that the parts are a little more than the whole
 */
export function partsTable(module) {
  const { sections, functions } = partsOf(module);
  const crates = new Map();
  for (const { name, bytes } of functions) {
    const crate = crateOf(name);
    crates.set(crate, [...(crates.get(crate) ?? []), bytes]);
  }
  const rows = [...crates].map(([name, bodies]) => row(name, bodies, bodies.length));
  const others = sections.filter(({ name }) => name !== 'code' && !name.startsWith('custom'));
  rows.push(...others.map(({ name, bytes }) => row(`(${name})`, [bytes], 0)));
  return rows.sort((a, b) => b.gzip - a.gzip);
}

function row(name, pieces, functions) {
  const { raw, gzip } = sizeOf(Buffer.concat(pieces));
  return { name, functions, raw, gzip };
}
