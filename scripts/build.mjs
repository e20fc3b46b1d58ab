// `npm run build`: the wasm, the npm package in `pkg/`, and the Worker's bundle in `build/worker/`.
// Each part is made again only when something it depends on has changed.

import './lib/node_version.mjs';
import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';
import { bundleGateway } from './lib/gateway_bundle.mjs';
import { assemblePackage } from './lib/package.mjs';
import { inRoot, isProgram, progress, runProgram } from './lib/program.mjs';
import { buildWasm } from './lib/wasm.mjs';
import { bundleWorker } from './lib/worker_bundle.mjs';
import { setup } from './setup.mjs';

/** Sets everything up and builds what is out of date. */
export async function build() {
  await setup();
  if (await buildWasm()) progress(sizes());
  await bundleGateway();
  await assemblePackage();
  await bundleWorker();
}

/** The size of the module as it is shipped, and as a server would send it. */
function sizes() {
  const wasm = readFileSync(inRoot('build/wasm/relay_edge_bg.wasm'));
  const [raw, gzip, brotli] = [wasm, zlib.gzipSync(wasm, { level: 9 }), zlib.brotliCompressSync(wasm)].map(
    (bytes) => `${(bytes.length / 1000).toFixed(1)} kB`,
  );
  return `relay_edge_bg.wasm: ${raw}, ${gzip} with gzip, ${brotli} with brotli`;
}

if (isProgram(import.meta.url)) {
  await runProgram(async () => {
    await build();
    process.stdout.write(`${sizes()}\npkg/ and build/worker/ are up to date.\n`);
  });
}
