// THIRD_PARTY_NOTICES.txt of the package: whose code is compiled into it, and under which licence.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Problem, inRoot } from './program.mjs';
import { must } from './run.mjs';

const METADATA = ['metadata', '--locked', '--format-version', '1', '--filter-platform', 'wasm32-unknown-unknown'];

/** npm packages of which code is in the gateway's bundle. */
const BUNDLED = ['jose'];

/** @returns {Promise<string>} the same text for the same lock files, wherever it is made */
export async function thirdPartyNotices() {
  const all = [...(await crates()), ...BUNDLED.map(bundled)].sort((a, b) => (a.title < b.title ? -1 : 1));
  /** @type {Map<string, string[]>} */
  const byText = new Map();
  for (const { title, text } of all) byText.set(text, [...(byText.get(text) ?? []), title]);
  const rule = '-'.repeat(80);
  const parts = [...byText].map(([text, titles]) => `${rule}\n${titles.join('\n')}\n${rule}\n\n${text}\n`);
  return `Relay Edge contains code of others: crates in relay_edge_bg.wasm and relay_edge_bg.wasm.js, npm packages in\ngateway.js, and the standard library of Rust (MIT OR Apache-2.0).\n\n${parts.join('\n')}`;
}

/** The crates that are linked, without macros, which only run while others are compiled. */
async function crates() {
  const { packages, resolve } = JSON.parse(await must('Listing the crates', 'cargo', METADATA));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const byId = new Map(packages.map((each) => [each.id, each]));
  const found = new Set();
  const visit = (id) => {
    if (found.has(id) || byId.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))) return;
    found.add(id);
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) if (kinds.some(({ kind }) => kind === null)) visit(pkg);
  };
  visit(resolve.root);
  found.delete(resolve.root);
  return [...found].map((id) => {
    const { name, version, license, authors, manifest_path: manifest } = byId.get(id);
    return { title: `${name} ${version} (${license})`, text: licenseText(path.dirname(manifest)) ?? `${license}. ${authors.join(', ')}`.trim() };
  });
}

function bundled(name) {
  const folder = inRoot('node_modules', name);
  const { version, license } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
  const text = licenseText(folder);
  if (text === undefined) throw new Problem(`${name} is bundled and has no licence file: see under which terms it may be.`);
  return { title: `${name} ${version} (${license})`, text };
}

/** MIT, where there is a choice: it is the shortest. */
function licenseText(folder) {
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying)/i.test(file)).sort();
  const file = files.find((each) => /mit/i.test(each)) ?? files[0];
  return file === undefined ? undefined : readFileSync(path.join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim();
}
