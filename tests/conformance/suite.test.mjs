/** The suite itself: it asks for all that the declarations promise, and it fails for a package that is broken. */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { outline } from "./cases/index.mjs";
import { CODES } from "./cases/errors.mjs";
import { allColumns } from "./columns.mjs";
import { runColumn } from "./host/run_column.mjs";
import { runProcess } from "./host/processes.mjs";

const declarations = readFileSync(inRoot("js/index.d.ts"), "utf8").replace(/\/\/.*$/gm, "");

test("every code of index.d.ts is asked for", () => {
  const [, union] = /export type ErrorCode =([^;]+);/.exec(declarations);
  const codes = [...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code);
  assert.ok(codes.length >= 27);
  assert.deepEqual(Object.values(CODES).flat().sort(), codes.sort());
});

test("every function and class of index.d.ts is used by a case", () => {
  const names = [...declarations.matchAll(/^export (?:function|class) (\w+)/gm)].map(([, name]) => name);
  const cases = outline().map(({ run }) => String(run)).join("\n");
  assert.ok(names.length >= 10);
  for (const name of names) assert.ok(new RegExp(`library\\.${name}\\b`).test(cases) || name === "RelayLedger" || name === "Persona", name);
});

test("cases and runtimes have names of their own, and an n/a names a runtime and a reason", async () => {
  const names = outline().map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  const columns = await allColumns();
  assert.equal(new Set(columns.map(({ id }) => id)).size, columns.length);
  const groups = new Set(columns.map(({ group }) => group));
  for (const { name, notIn } of outline()) {
    for (const [group, reason] of Object.entries(notIn)) assert.ok(groups.has(group) && reason.length > 20, name);
  }
});

const METHOD = "callAsync(() => work(config, fetch, params, durable))";
/** Every call with a header more, or another one. */
const withHeader = (header) =>
  `callAsync(() => work(config, (url, init) => (fetch ?? globalThis.fetch)(url, { ...init, headers: { ...init.headers, ${header} } }), params, durable))`;

/** What is broken: a file, the text that is changed, what it becomes, a case that has to fail, and the entry. */
const BREAKS = {
  "an export is missing": ["index.js", " hostedFlowUrl,", "", "every export is there"],
  "the guard does not notice a trap": ["guard.js", "guarded[name] = typeof value === \"function\" ? guard(name, value) : value", "guarded[name] = value", "a trap rejects the calls in flight"],
  "the guard does not reject what is in flight": ["guard.js", "for (const reject of rejections) reject(error);", "", "a trap in what comes back from `fetch`"],
  "the API key is on every call": ["persona.js", METHOD, withHeader('...(config.apiKey && { authorization: "Bearer " + config.apiKey })'), "the API key is on the purchase and nowhere else"],
  "a header too many on the redemption": ["persona.js", METHOD, withHeader('"x-client": "relay-edge"'), "the header set of the anonymous redemption"],
  "an idempotency key for each try": ["persona.js", METHOD, withHeader('...(init.headers["idempotency-key"] && { "idempotency-key": crypto.randomUUID() })'), "every answer of a redemption is lost"],
  "the module is instantiated later": ["node.js", "initSync({ module:", "await null; initSync({ module:", "a synchronous call works right after the import", "cjs"],
};

describe("a package that is broken fails its case", { concurrency: 2 }, () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "relay-edge-broken-"));
  after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [index, [name, [file, text, replacement, caseName, form = "esm"]]] of Object.entries(BREAKS).entries()) {
    test(name, async () => {
      const source = path.join(folder, String(index));
      cpSync(inRoot("pkg"), source, { recursive: true });
      const whole = readFileSync(path.join(source, file), "utf8");
      const changed = whole.replace(text, () => replacement);
      assert.notEqual(changed, whole, "nothing was changed");
      writeFileSync(path.join(source, file), changed);
      const { outcomes } = await runColumn(thisNode(form, 10_000), { source, only: (one) => one.includes(caseName) });
      assert.equal(outcomes.size, 1);
      assert.deepEqual([...outcomes.values()].map(({ status }) => status), ["FAIL"], JSON.stringify([...outcomes.values()]));
    });
  }

  test("and the package as it is passes them", async () => {
    const wanted = Object.values(BREAKS).map(([, , , caseName]) => caseName);
    const { outcomes } = await runColumn(thisNode("cjs"), { only: (one) => wanted.some((name) => one.includes(name)) });
    assert.equal(outcomes.size, wanted.length);
    for (const { name, status, detail } of outcomes.values()) assert.equal(status, "ok", `${name}: ${detail}`);
  });
});

/** The Node that runs this. A case that hangs has failed. */
function thisNode(form, limitMs) {
  const entry = { esm: "entries/esm.mjs", cjs: "entries/commonjs.cjs" }[form];
  return {
    id: "this",
    group: "node",
    short: form,
    title: "this Node",
    missing: async () => undefined,
    run: ({ folder, ...task }, report) => runProcess([process.execPath, "--no-warnings", path.join(folder, entry)], { ...task, limitMs }, report),
  };
}
