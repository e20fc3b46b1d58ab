// `npm run sbom`: what is in what ships, as bills of materials (CycloneDX 1.5), into build/sbom/.

import './lib/node_version.mjs';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readArgs } from './lib/args.mjs';
import { cargoTool } from './lib/cargo_tool.mjs';
import { inRoot, isProgram, root, runProgram } from './lib/program.mjs';
import { must } from './lib/run.mjs';

const VERSION = '0.5.9';
const OUT = 'build/sbom';

const HELP = `npm run sbom

Writes two bills of materials (CycloneDX 1.5, JSON) into ${OUT}/: crates.cdx.json, the crates that the WebAssembly
module is built from, macros included, by cargo-cyclonedx ${VERSION}; npm.cdx.json, the npm packages bundled into the gateway, by npm.
`;

async function crates() {
  const tool = await cargoTool('cargo-cyclonedx', { version: VERSION, debug: true });
  // It writes beside Cargo.toml, and nowhere else.
  const options = ['--format', 'json', '--spec-version', '1.5', '--target', 'wasm32-unknown-unknown', '--no-build-deps'];
  await must('Listing the crates', tool, ['cyclonedx', ...options, '--override-filename', 'crates.cdx']);
  const written = readFileSync(inRoot('crates.cdx.json'), 'utf8');
  rmSync(inRoot('crates.cdx.json'));
  // Where this checkout is, is nobody's business.
  writeFileSync(inRoot(OUT, 'crates.cdx.json'), written.replaceAll(`path+file://${root}`, 'path+file:///relay-edge'));
}

async function packages() {
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only', '--omit', 'dev'];
  writeFileSync(inRoot(OUT, 'npm.cdx.json'), await must('Listing the npm packages', 'npm', args));
}

async function main(argv) {
  const { values } = readArgs(argv, { help: { type: 'boolean' } }, { command: 'npm run sbom' });
  if (values.help) return void process.stdout.write(HELP);
  mkdirSync(inRoot(OUT), { recursive: true });
  await crates();
  await packages();
  for (const name of ['crates', 'npm']) {
    const file = path.join(OUT, `${name}.cdx.json`);
    const components = JSON.parse(readFileSync(inRoot(file), 'utf8')).components ?? [];
    process.stdout.write(`${file}: ${components.map(({ name, version }) => `${name} ${version}`).join(', ')}\n`);
  }
}

if (isProgram(import.meta.url)) await runProgram(main);
