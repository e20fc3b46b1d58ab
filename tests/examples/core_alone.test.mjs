/** The crate without its feature `js`: what of JavaScript is in it. That it builds, the suite `rust` shows. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
const OURS = ["js-sys", "serde-wasm-bindgen", "wasm-bindgen-futures", "web-sys"];
const OF_GETRANDOM = ["wasm-bindgen"];

/** The packages that a build for wasm32 compiles into the module, without the procedural macros. */
function packages(target, ...features) {
  const args = ["tree", "--locked", "--target", target, "--edges", "normal,no-proc-macro", "--prefix", "none"];
  const tree = execFileSync("cargo", [...args, ...features], { cwd: checkout, encoding: "utf8" });
  return new Set(tree.split("\n").map((line) => line.split(" ")[0]));
}

test("bindings to JavaScript are in the default build, and not in the core alone", () => {
  const all = packages("wasm32-unknown-unknown");
  assert.deepEqual([...OURS, ...OF_GETRANDOM].filter((name) => all.has(name)), [...OURS, ...OF_GETRANDOM]);
  const core = packages("wasm32-unknown-unknown", "--no-default-features");
  assert.deepEqual([...OURS, ...OF_GETRANDOM].filter((name) => core.has(name)), OF_GETRANDOM);
  const wasi = packages("wasm32-wasip1", "--no-default-features");
  assert.deepEqual([...OURS, ...OF_GETRANDOM].filter((name) => wasi.has(name)), []);
  for (const found of [core, wasi]) assert.ok(found.has("blind-rsa-signatures"));
});
