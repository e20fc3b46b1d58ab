// Doing a step only when something it depends on has changed.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from './program.mjs';

/** All files under these paths of the checkout, sorted; what does not exist is left out. */
export function filesUnder(...paths) {
  const found = [];
  const visit = (relative) => {
    const absolute = inRoot(relative);
    if (!existsSync(absolute)) return;
    if (!statSync(absolute).isDirectory()) found.push(relative);
    else for (const name of readdirSync(absolute)) visit(path.posix.join(relative, name));
  };
  paths.forEach(visit);
  return found.sort();
}

/** A hash over the names and contents of all files under these paths. */
export function hashOf(paths, also = '') {
  const hash = createHash('sha256').update(also);
  for (const file of filesUnder(...paths)) {
    const contents = readFileSync(inRoot(file));
    hash.update(`\0${file}\0${contents.length}\0`).update(contents);
  }
  return hash.digest('hex');
}

/**
 * Does `work` unless it was done before with the same inputs and its outputs are still there.
 *
 * @param {object} step
 * @param {string} step.name of the stamp file in `build/stamps/`
 * @param {string[]} step.inputs paths in the checkout, files or folders
 * @param {string} [step.also] what the step depends on besides files
 * @param {string[]} step.outputs paths in the checkout that must exist afterwards
 * @param {() => Promise<void> | void} step.work
 * @returns {Promise<boolean>} whether it was done now
 */
export async function whenChanged({ name, inputs, also, outputs, work }) {
  const stamp = inRoot('build/stamps', name);
  const hash = hashOf(inputs, also);
  const done = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  if (done && outputs.every((output) => existsSync(inRoot(output)))) return false;
  // Gone while the work is under way: a step that was stopped half-way must be done again.
  rmSync(stamp, { force: true });
  await work();
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
  return true;
}
