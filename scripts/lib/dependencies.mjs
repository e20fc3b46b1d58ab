// The steps of `npm run audit`: what others wrote and we build with, held against deny.toml and the lists of known faults.

import { cargoTool } from './cargo_tool.mjs';
import { inRoot } from './program.mjs';
import { run } from './run.mjs';

const CARGO_DENY = '0.20.2';

/** What has a lock file of its own. */
const MANIFESTS = ['Cargo.toml', 'bench/crate/Cargo.toml', 'fuzz/Cargo.toml', 'tools/wasm-bindgen/Cargo.toml'];
const LOCKS = ['.', 'tools/runtimes'];

/** For `scripts/test.mjs`, one for each command. */
export function dependencySteps() {
  const deny = (manifest, ...args) => [
    inRoot('build/tools/bin/cargo-deny'), '--manifest-path', manifest, '--locked', '--config', 'deny.toml', ...args,
  ];
  const prepare = async () => void (await cargoTool('cargo-deny', { version: CARGO_DENY, debug: true }));
  return [
    ...MANIFESTS.map((manifest) => ({
      title: `cargo deny, ${manifest}: licences, bans, sources`,
      command: deny(manifest, 'check', 'bans', 'licenses', 'sources'),
      prepare,
    })),
    ...MANIFESTS.map((manifest) => ({
      title: `cargo deny, ${manifest}: known faults`,
      command: deny(manifest, 'check', '--disable-fetch', 'advisories'),
      async prepare() {
        await prepare();
        const [command, ...args] = deny(manifest, 'fetch', 'db');
        const { code } = await run(command, args, { env: { GIT_TERMINAL_PROMPT: '0' } });
        return code === 0 ? undefined : { skip: 'the database of RustSec (github.com/RustSec/advisory-db) can not be fetched here' };
      },
    })),
    ...LOCKS.map((folder) => ({
      title: `npm audit, ${folder === '.' ? 'package-lock.json' : `${folder}/package-lock.json`}`,
      command: ['npm', 'audit', '--prefix', inRoot(folder), '--package-lock-only', '--audit-level=high'],
      async prepare() {
        const { output } = await run('npm', ['audit', '--prefix', inRoot(folder), '--package-lock-only', '--json']);
        return output.includes('"auditReportVersion"') ? undefined : { skip: 'the registry does not answer `npm audit`' };
      },
    })),
  ];
}
