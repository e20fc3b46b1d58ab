/** The tables of the API in the README follow from the types. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { apiTables } from "../../scripts/api_table.mjs";
import { inRoot } from "../../scripts/lib/program.mjs";

test("the README has the tables that js/index.d.ts gives; if not, run `node scripts/api_table.mjs`", () => {
  const { there, wanted } = apiTables();
  assert.equal(there, wanted);
});

test("every value that the package exports is in them", () => {
  const { wanted } = apiTables();
  const exported = [...readFileSync(inRoot("js/index.d.ts"), "utf8").matchAll(/^export (?:class|function) (\w+)/gm)].map(([, name]) => name);
  assert.ok(exported.length >= 10);
  for (const name of [...exported, "RelayLedger"]) assert.match(wanted, new RegExp(`\`(new )?${name}\\b`), name);
});
