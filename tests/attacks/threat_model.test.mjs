/** docs/threat-model.md and the tests that it names: neither says anything that the other does not know of. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";

const PAGE = readFileSync(inRoot("docs/threat-model.md"), "utf8");

/** The rows of the threats: number, and the files that show what holds. */
const THREATS = [...PAGE.matchAll(/^\| T(\d+): [^|]+\|[^|]+\|([^|]+)\|$/gm)].map(([, number, cell = ""]) => ({
  number: Number(number),
  files: [...cell.matchAll(/`([^`]+)`/g)].map(([, file = ""]) => file),
}));

/** The numbers in the titles of a file's tests. @param {string} name */
const attacked = (name) => [...readFileSync(inRoot("tests/attacks", name), "utf8").matchAll(/^test\w*\("((?:T\d+ )+)/gm)].flatMap(([, numbers = ""]) => numbers.trim().split(" ").map((number) => Number(number.slice(1))));

const FILES = readdirSync(inRoot("tests/attacks")).filter((name) => name.endsWith(".test.mjs") && name !== "threat_model.test.mjs");

test("the threats are numbered without a gap, and each names tests that are there", () => {
  assert.ok(THREATS.length > 30);
  assert.deepEqual(THREATS.map(({ number }) => number), THREATS.map((_, index) => index + 1));
  for (const { number, files } of THREATS) {
    assert.ok(files.length > 0, `T${number} names no test`);
    for (const file of files) assert.ok(file.startsWith("tests/") && existsSync(inRoot(file)), `T${number}: there is no ${file}`);
  }
});

test("each threat that names an attack has one there, and each attack is of a threat that names it", () => {
  const named = THREATS.flatMap(({ number, files }) => files.filter((file) => file.startsWith("tests/attacks/")).map((file) => `T${number} ${file.slice("tests/attacks/".length)}`));
  const there = FILES.flatMap((name) => [...new Set(attacked(name))].map((number) => `T${number} ${name}`));
  assert.deepEqual(named.sort(), there.sort());
});

test("every test of an attack says which threat it is of", () => {
  for (const name of FILES) {
    const tests = readFileSync(inRoot("tests/attacks", name), "utf8").match(/^test\w*\(/gm) ?? [];
    const numbered = readFileSync(inRoot("tests/attacks", name), "utf8").match(/^test\w*\("T\d+ /gm) ?? [];
    assert.ok(tests.length > 0 && tests.length === numbered.length, name);
  }
});

test("everybody who may attack is met by a threat, and every threat has somebody", () => {
  const people = PAGE.slice(PAGE.indexOf("## Who may attack"), PAGE.indexOf("## Threats")).split("\n").filter((line) => /^\| [A-Z]/.test(line));
  const met = new Set();
  for (const line of people) {
    const cell = line.split("|").at(-2) ?? "";
    const numbers = [...cell.matchAll(/T(\d+)(?:–T(\d+))?/g)].flatMap(([, from, to = from]) => Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index));
    assert.ok(numbers.length > 0 || cell.includes("#what-is-not-held"), line);
    for (const number of numbers) met.add(number);
  }
  assert.deepEqual(THREATS.map(({ number }) => number).filter((number) => !met.has(number)), []);
});
