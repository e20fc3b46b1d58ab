// `npm run build`: the wasm, the npm package in `pkg/`, and the Worker's bundle in `build/worker/`.
// Each part is made again only when something it depends on has changed.

import './lib/node_version.mjs';
import { bundleGateway } from './lib/gateway_bundle.mjs';
import { assemblePackage } from './lib/package.mjs';
import { isProgram, progress, runProgram } from './lib/program.mjs';
import { checkBudgets, inWords, shipped } from './lib/size.mjs';
import { buildWasm } from './lib/wasm.mjs';
import { bundleWorker } from './lib/worker_bundle.mjs';
import { setup } from './setup.mjs';

/**
 * Sets everything up and builds what is out of date.
 *
 * @param {{ anySize?: boolean }} [options] `anySize` takes what is larger than it may be
 * @throws {Problem} when something cannot be built, or is over its budget
 */
export async function build({ anySize = false } = {}) {
  await setup();
  if (await buildWasm()) progress(sizes());
  await bundleGateway();
  await assemblePackage();
  await bundleWorker();
  if (!anySize) checkBudgets(shipped());
}

const sizes = () => `relay_edge_bg.wasm: ${inWords(shipped().wasm)}`;

if (isProgram(import.meta.url)) {
  await runProgram(async () => {
    await build();
    process.stdout.write(`${sizes()}\npkg/ and build/worker/ are up to date.\n`);
  });
}
