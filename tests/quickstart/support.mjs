/** Runs a platform's code with one line of it changed. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after } from "node:test";
import { pathToFileURL } from "node:url";

/**
 * @param {string} name of a module beside this one
 * @param {string} line a whole line that stands in it once
 * @param {string} replacement
 * @param {Record<string, string>} [files] by name, put beside the changed module
 * @returns {Promise<any>} the changed module
 */
export async function importChanged(name, line, replacement, files = {}) {
  const source = readFileSync(new URL(name, import.meta.url), "utf8");
  const lines = source.split("\n");
  assert.equal(lines.filter((found) => found === line).length, 1, `the line stands once in ${name}`);
  const folder = mkdtempSync(path.join(tmpdir(), "relay-edge-quickstart-"));
  after(() => rmSync(folder, { recursive: true }));
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(folder, file), text);
  const changed = lines.map((found) => (found === line ? replacement : found));
  assert.equal(changed.filter((text, at) => text !== lines[at]).length, 1);
  writeFileSync(path.join(folder, name), changed.join("\n"));
  return import(pathToFileURL(path.join(folder, name)).href);
}
