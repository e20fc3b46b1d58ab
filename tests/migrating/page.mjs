/** The blocks of docs/migrating.md, and the files that its diffs make of the ones in before/. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

export const PAGE = "docs/migrating.md";
export const page = readFileSync(new URL(`../../${PAGE}`, import.meta.url), "utf8");

/**
 * @typedef {object} Block
 * @property {string} name its section, its language, and its number there: `Node SDK, diff 2`
 * @property {string} language
 * @property {string} text
 * @property {string} [file] what a diff changes
 */

/** @param {string} text of a page @returns {Block[]} every fenced block, in order */
export function readBlocks(text) {
  const blocks = [];
  const counts = new Map();
  let section = "";
  let open;
  for (const line of text.split("\n")) {
    const fence = /^\s*(`{3,}|~{3,})(.*)$/.exec(line);
    if (open === undefined && fence !== null) open = { fence: fence[1], language: fence[2].trim() || "plain", lines: [] };
    else if (open !== undefined && fence !== null && fence[1] === open.fence && fence[2].trim() === "") {
      const { language, lines } = open;
      open = undefined;
      const kind = `${section}, ${language}`;
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      const file = language === "diff" ? /^@@ (\S+)$/.exec(lines[0])?.[1] : undefined;
      blocks.push({ name: `${kind} ${counts.get(kind)}`, language, text: `${lines.join("\n")}\n`, file });
    } else if (open !== undefined) open.lines.push(line);
    else section = /^#+ +(.+?) *$/.exec(line)?.[1] ?? section;
  }
  assert.equal(open, undefined, "a block is not closed");
  return blocks;
}

export const blocks = readBlocks(page);

/** @param {string} name @returns {Block} */
export function block(name) {
  return blocks.find((found) => found.name === name) ?? assert.fail(`${PAGE} has no block "${name}"`);
}

/** A platform's file as it is with the vendor. @param {string} name */
export const before = (name) => readFileSync(new URL(`before/${name}`, import.meta.url), "utf8");

/** The same file after a diff of the page, and after those before it that change the file. @param {string} name of the diff */
export function after(name) {
  const { file } = block(name);
  let text = before(file);
  for (const each of blocks) {
    if (each.file === file) text = applyDiff(text, each.text);
    if (each.name === name) return text;
  }
}

/**
 * Applies a diff. Its hunks begin with `@@`, the first with the name of the file as well. What a hunk expects has to stand in the
 * text once, line by line, and hunks come in the order of the text.
 *
 * @param {string} text @param {string} diff
 */
export function applyDiff(text, diff) {
  const [nothing, ...hunks] = diff.split(/^@@(?: \S+)?\n/m);
  assert.ok(nothing === "" && hunks.length > 0, "a diff begins with @@");
  let lines = text.split("\n");
  let reached = 0;
  for (const hunk of hunks) {
    const changes = hunk.replace(/\n$/, "").split("\n");
    for (const line of changes) assert.match(line, /^(?:[ +-]|$)/, `not a line of a diff: ${line}`);
    assert.ok(changes.some((line) => /^[+-]/.test(line)), "a hunk changes something");
    const old = changes.filter((line) => !line.startsWith("+")).map((line) => line.slice(1));
    const places = lines.flatMap((_, at) => (old.every((line, index) => lines[at + index] === line) ? [at] : []));
    assert.equal(places.length, 1, `this stands ${places.length} times:\n${old.join("\n")}\n--- in\n${text}`);
    assert.ok(places[0] >= reached, "hunks are in order");
    const fresh = changes.filter((line) => !line.startsWith("-")).map((line) => line.slice(1));
    lines = [...lines.slice(0, places[0]), ...fresh, ...lines.slice(places[0] + old.length)];
    reached = places[0] + fresh.length;
  }
  return lines.join("\n");
}

/** The tables of a section, each row a list of cells, without the heading. @param {string} title */
export function rows(title) {
  const part = page.split(/^(?=#+ )/m).find((found) => found.startsWith(`## ${title}\n`)) ?? assert.fail(`no section "${title}"`);
  const all = [...part.matchAll(/^\|(.+)\|$/gm)].map(([, row]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
  return all.filter((cells, at) => !/^-+$/.test(cells[0]) && !/^-+$/.test(all[at + 1]?.[0] ?? ""));
}
