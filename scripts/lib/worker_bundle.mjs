// The Worker as it would be uploaded, made by wrangler without an account. The result is `build/worker/`.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { inRoot, progress } from './program.mjs';
import { must, quietTools } from './run.mjs';
import { whenChanged } from './stamp.mjs';

/** Bundles the Worker when it, the package or the configuration has changed. */
export async function bundleWorker() {
  if (!existsSync(inRoot('wrangler.toml'))) return false;
  return whenChanged({
    name: 'worker',
    inputs: ['worker', 'wrangler.toml', 'pkg', 'package-lock.json', 'scripts/lib/worker_bundle.mjs'],
    outputs: ['build/worker/index.js'],
    async work() {
      progress('Bundling the Worker …');
      rmSync(inRoot('build/worker'), { recursive: true, force: true });
      await must('Bundling the Worker', process.execPath, [
        inRoot('node_modules/wrangler/bin/wrangler.js'), 'deploy', '--dry-run', '--outdir', 'build/worker',
      ], { env: { ...quietTools, CI: '1' } });
    },
  });
}

/**
 * The bundle as miniflare takes it.
 *
 * @returns {{ type: 'ESModule' | 'CompiledWasm', path: string, contents: string | Buffer }[]} the main module first
 */
export function workerModules() {
  const folder = inRoot('build/worker');
  const modules = readdirSync(folder)
    .filter((name) => name.endsWith('.wasm'))
    .map((name) => path.join(folder, name))
    .map((file) => ({ type: 'CompiledWasm', path: file, contents: readFileSync(file) }));
  const main = path.join(folder, 'index.js');
  return [{ type: 'ESModule', path: main, contents: readFileSync(main, 'utf8') }, ...modules];
}
