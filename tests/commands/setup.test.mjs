// A missing thing gets one sentence, exit code 1 and no stack.

import assert from 'node:assert/strict';
import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { execute, npm, root, temporaryFolder } from './support/commands.mjs';

/** A checkout with nothing set up, and a folder of programs that is its whole PATH. */
function freshCheckout(t, programs) {
  const folder = temporaryFolder(t);
  for (const name of ['scripts', 'tools', '.cargo', 'package.json', 'package-lock.json', 'rust-toolchain.toml']) {
    cpSync(path.join(root, name), path.join(folder, name), { recursive: true });
  }
  const bin = path.join(folder, 'bin');
  mkdirSync(bin);
  symlinkSync(process.execPath, path.join(bin, 'node'));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(bin, name), 0o755);
  }
  return { cwd: folder, env: { PATH: bin } };
}

async function setupSays(t, programs, expected) {
  const { code, stdout, stderr } = await execute(process.execPath, ['scripts/setup.mjs'], freshCheckout(t, programs));
  assert.equal(code, 1, stderr);
  assert.equal(stdout, '');
  const sentence = stderr.trim().split('\n').at(-1);
  assert.match(sentence, expected);
  assert.doesNotMatch(stderr, /^ +at /m);
}

// Answers as a complete toolchain does; the sysroot is the folder of the programs themselves.
const COMPLETE = `/bin/mkdir -p "$(/usr/bin/dirname "$0")/sysroot/bin" "$(/usr/bin/dirname "$0")/sysroot/wasm" "$(/usr/bin/dirname "$0")/sysroot/lib/rustlib/src/rust/library"
d=$(/usr/bin/dirname "$0"); : > "$d/sysroot/bin/cargo-clippy"; : > "$d/sysroot/bin/rustfmt"; : > "$d/sysroot/lib/rustlib/src/rust/library/Cargo.lock"
echo "$d/sysroot"; echo "$d/sysroot/wasm"`;

test('no cargo', (t) => setupSays(t, {}, /^cargo is missing: install Rust with rustup from \S+, .*\.$/));

test('no wasm target, and no rustup to add it', (t) =>
  setupSays(t, { cargo: 'echo cargo', rustc: 'exit 1' }, /^This Rust has no wasm32-unknown-unknown target, and there is no rustup .*\.$/));

const rustup = (installed) => `[ "$2" = list ] && echo ${installed} || { echo "error: could not download file" >&2; exit 1; }`;

test('a toolchain that cannot be fetched', (t) =>
  setupSays(
    t,
    { cargo: 'echo cargo', rustc: 'exit 1', rustup: rustup('stable-x86_64') },
    /^Installing Rust 1\.95\.0 needs the network, .*\.$/,
  ));

test('a target that cannot be fetched', (t) =>
  setupSays(
    t,
    { cargo: 'echo cargo', rustc: 'exit 1', rustup: rustup('1.95.0-x86_64') },
    /^Adding the target wasm32-unknown-unknown needs the network, .*\.$/,
  ));

test('npm packages that cannot be fetched', (t) =>
  setupSays(
    t,
    { cargo: 'echo cargo', rustc: COMPLETE, npm: 'echo "npm error code ENOTFOUND" >&2; exit 1' },
    /^Installing the npm packages needs the network, .*\.$/,
  ));

test('crates that cannot be fetched', (t) =>
  setupSays(
    t,
    {
      cargo: '[ "$1" = --version ] || { echo "error: failed to download from the registry" >&2; exit 101; }',
      rustc: COMPLETE,
      npm: '/bin/mkdir -p node_modules',
    },
    /^Compiling wasm-bindgen needs the network, .*\.$/,
  ));

test('another failure shows what was printed and says that it did', (t) =>
  setupSays(
    t,
    { cargo: 'echo cargo', rustc: COMPLETE, npm: 'echo "npm error code EACCES" >&2; exit 243' },
    /^Installing the npm packages failed with exit code 243: what it printed stands above\.$/,
  ));

test('on a checkout that is ready nothing is done', async () => {
  const result = await npm('build');
  assert.equal(result.code, 0, result.stderr);
  assert.equal(result.stderr, '');
  assert.match(result.stdout, /relay_edge_bg\.wasm: [\d.]+ kB, [\d.]+ kB with gzip, [\d.]+ kB with brotli/);
});
