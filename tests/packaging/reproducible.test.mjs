/** Who builds the same sources elsewhere gets the same package, byte for byte. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { run } from "../../scripts/lib/run.mjs";
import { filesUnder } from "../../scripts/lib/stamp.mjs";

test("a build from nothing, in another folder", async (t) => {
  const there = mkdtempSync(inRoot("build/elsewhere-"));
  t.after(() => rmSync(there, { recursive: true, force: true }));
  // Sources only, and the tools that the lock files pin: they need not be fetched and compiled again.
  const own = ["node_modules", "build", "target", "pkg", ".git", ".state"];
  for (const name of readdirSync(inRoot())) if (!own.includes(name)) cpSync(inRoot(name), path.join(there, name), { recursive: true });
  symlinkSync(inRoot("node_modules"), path.join(there, "node_modules"));
  mkdirSync(path.join(there, "build/stamps"), { recursive: true });
  symlinkSync(inRoot("build/tools"), path.join(there, "build/tools"));
  cpSync(inRoot("build/stamps/wasm-bindgen"), path.join(there, "build/stamps/wasm-bindgen"));

  const { code, output } = await run(process.execPath, ["scripts/build.mjs"], { cwd: there, env: { NODE_TEST_CONTEXT: undefined, CARGO_TARGET_DIR: undefined } });
  assert.equal(code, 0, output);
  const sizes = /relay_edge_bg\.wasm: [\d.]+ kB, [\d.]+ kB with gzip, [\d.]+ kB with brotli/;
  assert.match(output, sizes);
  const files = filesUnder("pkg");
  assert.ok(files.length > 25);
  const differing = files.filter((file) => !readFileSync(inRoot(file)).equals(readFileSync(path.join(there, file))));
  assert.deepEqual(differing, []);
});

