// Programs from crates.io, each at one version, compiled into build/tools/bin when they are first needed.

import { must } from './run.mjs';
import { inRoot, progress } from './program.mjs';
import { whenChanged } from './stamp.mjs';

/**
 * @param {string} name of the crate, and of its program
 * @param {{ version: string, debug?: boolean }} options `debug`: not optimised, for a program that takes longer to compile
 *   than it will ever run
 * @returns {Promise<string>} the path of the program
 * @throws {import('./program.mjs').Problem} without a network, or when it does not compile
 */
export async function cargoTool(name, { version, debug = false }) {
  const program = `build/tools/bin/${name}`;
  await whenChanged({
    name,
    inputs: ['rust-toolchain.toml'],
    also: `${version} ${debug}`,
    outputs: [program],
    async work() {
      progress(`Compiling ${name} ${version}, once (a minute or more) …`);
      const into = ['--root', 'build/tools', '--target-dir', `build/tools/${name}-target`];
      const args = ['install', name, '--version', `=${version}`, '--locked', '--force', ...(debug ? ['--debug'] : []), ...into];
      // Debug information would double what it takes on the disk, and nobody looks at it.
      await must(`Installing ${name}`, 'cargo', args, { env: { CARGO_PROFILE_DEV_DEBUG: '0' }, show: 'stderr' });
    },
  });
  return inRoot(program);
}
