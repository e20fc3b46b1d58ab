// The gateway for Node, Deno and Bun: hosts/ and the part of worker/ that it serves, in one file. The result is
// `build/gateway/`.

import { inRoot, progress } from './program.mjs';
import { whenChanged } from './stamp.mjs';

/** Bundles the gateway when its sources have changed. */
export function bundleGateway() {
  return whenChanged({
    name: 'gateway',
    inputs: ['hosts', 'worker', 'package-lock.json', 'scripts/lib/gateway_bundle.mjs'],
    outputs: ['build/gateway/gateway.js'],
    async work() {
      progress('Bundling the gateway for Node, Deno and Bun …');
      // Imported only after the set-up, because it is an npm package.
      const { build } = await import('esbuild');
      await build({
        entryPoints: [inRoot('hosts/gateway.ts')],
        outfile: inRoot('build/gateway/gateway.js'),
        bundle: true,
        // A bundle names its sources: by where they are linked, not by where the link leads.
        preserveSymlinks: true,
        format: 'esm',
        platform: 'neutral',
        target: 'es2022',
        charset: 'utf8',
        legalComments: 'none',
        banner: {
          js: '// See gateway.d.ts. Bundled from hosts/ and worker/, and from jose, Copyright (c) 2018 Filip Skokan, under the MIT license\n'
            + '// (its text: LICENSE-MIT).',
        },
        tsconfig: inRoot('hosts/tsconfig.json'),
        plugins: [ownPackage],
        logLevel: 'warning',
      });
    },
  });
}

/** The SDK is not bundled: the package's main entry brings the module up in whatever runtime it is. */
const ownPackage = {
  name: 'relay-edge',
  setup(build) {
    build.onResolve({ filter: /\/pkg\/workerd\.js$/ }, () => ({ path: 'relay-edge', external: true }));
  },
};
