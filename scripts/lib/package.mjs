// The npm package: generated glue and module, hand-written entries, papers. The result is `pkg/`.

import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { thirdPartyNotices } from './notices.mjs';
import { inRoot, Problem } from './program.mjs';
import { filesUnder, whenChanged } from './stamp.mjs';
import { wasmOutputs } from './wasm.mjs';

// Made by gateway_bundle.mjs.
const GATEWAY = 'build/gateway/gateway.js';

const PAPERS = ['README.md', 'CHANGELOG.md', 'LICENSE', 'LICENSE-MIT', 'LICENSE-APACHE'];

/** Assembles `pkg/` when one of its parts has changed. */
export function assemblePackage() {
  return whenChanged({
    name: 'package',
    inputs: [...wasmOutputs, GATEWAY, 'js', 'Cargo.toml', 'Cargo.lock', ...PAPERS, 'scripts/lib/package.mjs', 'scripts/lib/notices.mjs'],
    outputs: ['pkg/package.json', 'pkg/relay_edge.js', 'pkg/relay_edge_bg.wasm'],
    work,
  });
}

async function work() {
  rmSync(inRoot('pkg'), { recursive: true, force: true });
  mkdirSync(inRoot('pkg'), { recursive: true });
  const copied = new Map();
  // All in one folder: `js/entries/` keeps the entries apart from the rest only where they are written.
  for (const file of [...wasmOutputs, GATEWAY, ...filesUnder('js'), ...filesUnder(...PAPERS)]) {
    const name = path.basename(file);
    if (copied.has(name)) throw new Problem(`${file} and ${copied.get(name)} would both become pkg/${name}: rename one.`);
    copied.set(name, file);
    copyFileSync(inRoot(file), inRoot('pkg', name));
  }
  const write = (name, text) => writeFileSync(inRoot('pkg', name), text);

  const wasm = readFileSync(inRoot('pkg/relay_edge_bg.wasm'));
  write('relay_edge_bg.wasm.js', `// relay_edge_bg.wasm, in base64: for inline.js.\nexport default "${wasm.toString('base64')}";\n`);

  // TypeScript takes the types of a CommonJS file from a `.d.cts`.
  for (const name of [...copied.keys()].filter((name) => name.endsWith('.d.ts') && copied.get(name).startsWith('js/') && !copied.get(name).startsWith('js/entries/'))) {
    const text = readFileSync(inRoot('pkg', name), 'utf8');
    write(name.replace(/\.ts$/, '.cts'), text.replace(/(from "\.\/\w+)\.js"/g, '$1.cjs"'));
  }

  write('THIRD_PARTY_NOTICES.txt', await thirdPartyNotices());

  const version = crateVersion();
  const { name, ...description } = JSON.parse(readFileSync(inRoot('js/package.json'), 'utf8'));
  write('package.json', json({ name, version, ...description }));
  write('jsr.json', json({ ...JSON.parse(readFileSync(inRoot('js/jsr.json'), 'utf8')), version }));
}

const json = (value) => `${JSON.stringify(value, null, 2)}\n`;

/** The version of the crate is the version of the package: it stands once, in Cargo.toml. */
function crateVersion() {
  const version = /^\[package\][^[]*?^version = "([^"]+)"/ms.exec(readFileSync(inRoot('Cargo.toml'), 'utf8'))?.[1];
  if (version === undefined) throw new Problem('Cargo.toml has no `version = "…"` in its [package] section: add one.');
  return version;
}
