/** Every block of docs/migrating.md is run: a block that is in none of the tables below fails, and so does one that is gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { runs as fromDocker } from "./from_docker.mjs";
import { runs as fromGo } from "./from_go.mjs";
import { runs as fromNode } from "./from_node.mjs";
import { PAGE, applyDiff, blocks, readBlocks } from "./page.mjs";

const runs = { ...fromNode, ...fromGo, ...fromDocker };

test(`${PAGE} has these blocks and no others`, () => {
  assert.deepEqual(blocks.map(({ name }) => name).sort(), Object.keys(runs).sort());
});

for (const { name } of blocks) {
  test(name, async (t) => {
    const run = runs[name] ?? assert.fail("no test knows this block");
    const simulator = await startSimulator();
    t.after(() => simulator.close());
    await run(t, simulator);
  });
}

test("a diff that does not fit, or says nothing, is no diff", () => {
  const text = "a\nb\na\nc\n";
  assert.equal(applyDiff(text, "@@ x\n b\n-a\n+d\n@@\n-c\n+e\n"), "a\nb\nd\ne\n");
  for (const diff of ["@@ x\n-a\n+d\n", "@@ x\n-z\n", "@@ x\n b\n", "@@ x\n-c\n@@\n-b\n", "@@ x\nb\n", "-b\n", ""]) assert.throws(() => applyDiff(text, diff), diff);
});

test("blocks are found whatever they are fenced with, and one that stays open is an error", () => {
  const names = readBlocks("# A\n```\n# B\n```\n~~~js\n```\n~~~\n## C\n  ````sh\n```\n  ````\n").map(({ name }) => name);
  assert.deepEqual(names, ["A, plain 1", "A, js 1", "C, sh 1"]);
  assert.throws(() => readBlocks("```js\n"));
});
