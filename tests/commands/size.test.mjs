/** What `npm run size` tells, and that a build ends when something is larger than it may be. */
import assert from "node:assert/strict";
import test from "node:test";
import zlib from "node:zlib";
import { budgets, checkBudgets, partsTable, shipped, sizeOf } from "../../scripts/lib/size.mjs";
import { crateOf, partsOf } from "../../scripts/lib/wasm_parts.mjs";

const within = (name) => ({ raw: 1, gzip: budgets[name], brotli: 1 });
const over = (name) => ({ raw: 1, gzip: budgets[name] + 7, brotli: 1 });

test("a build whose module or Worker is over its budget ends with a sentence that says by how much", () => {
  checkBudgets({ wasm: within("wasm"), worker: within("worker") });
  for (const [name, what] of [["wasm", "The WebAssembly module"], ["worker", "The deployed Worker"]]) {
    assert.throws(() => checkBudgets({ wasm: within("wasm"), worker: within("worker"), [name]: over(name) }), (error) => {
      assert.match(error.message, new RegExp(`^${what} takes ${budgets[name] + 7} bytes with gzip, 7 over its budget of ${budgets[name]}: .*npm run size`));
      return error.exitCode === 1;
    });
  }
});

test("what is shipped is within its budgets, and none of them is slack", () => {
  const sizes = shipped();
  checkBudgets(sizes);
  assert.equal(sizes.worker.gzip, sizes.wasm.gzip + sizes.javascript.gzip);
  for (const name of ["wasm", "worker"]) assert.ok(sizes[name].gzip > budgets[name] * 0.9, `${name}: lower its budget to what was won`);
  for (const { raw, gzip, brotli } of Object.values(sizes)) assert.ok(brotli < gzip && gzip < raw);
  assert.equal(sizeOf("a".repeat(1000)).gzip, zlib.gzipSync("a".repeat(1000), { level: 9 }).length);
});

/** `(module (import "a" "b" (func)) (import "m" "m" (memory 1)) (func) (func) (data …))` with names, by hand. */
function smallModule() {
  const text = (value) => [value.length, ...Buffer.from(value)];
  const section = (id, content) => [id, content.length, ...content];
  const names = [[1, "<relay_edge[0123456789abcdef]::wasm::Client>::new"], [2, "core::fmt::write"]];
  const naming = names.flatMap(([at, name]) => [at, ...text(name)]);
  return Buffer.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [1, 0x60, 0, 0]),
    ...section(2, [2, ...text("a"), ...text("b"), 0, 0, ...text("m"), ...text("m"), 2, 0, 1]),
    ...section(3, [2, 0, 0]),
    ...section(10, [2, 2, 0, 0x0b, 3, 0, 1, 0x0b]),
    ...section(11, [1, 0, 0x41, 0, 0x0b, 1, 42]),
    ...section(0, [...text("name"), 1, naming.length + 1, names.length, ...naming]),
  ]);
}

test("a module is taken apart by sections, crates and functions", () => {
  const module = smallModule();
  assert.ok(WebAssembly.validate(module));
  const { sections, functions } = partsOf(module);
  assert.deepEqual(sections.map(({ name }) => name), ["types", "imports", "functions", "code", "data", "custom: name"]);
  assert.deepEqual(functions.map(({ name, bytes }) => [name, bytes.length]), [["<relay_edge[0123456789abcdef]::wasm::Client>::new", 2], ["core::fmt::write", 3]]);
  const table = new Map(partsTable(module).map(({ name, functions, raw }) => [name, [functions, raw]]));
  assert.deepEqual(table.get("relay_edge::wasm"), [1, 2]);
  assert.deepEqual(table.get("core"), [1, 3]);
  assert.deepEqual(table.get("(imports)"), [0, 14]);
  assert.ok(!table.has("(code)") && !table.has("(custom: name)"));
});

test("a function is of the crate that it is about", () => {
  for (const [name, crate] of [
    ["relay_edge::json::text", "relay_edge::json"],
    ["<relay_edge[da39a3ee5e6b4b0d]::pass::PendingPass>::blind::<rand_core::X>", "relay_edge::pass"],
    ["<relay_edge::wasm::error::Thrown as core::convert::From<relay_edge::error::Error>>::from::ha1274bd4c5b984a3", "relay_edge::wasm"],
    ["core::ptr::drop_in_place::<relay_edge::api::Request>", "relay_edge::api"],
    ["core::ptr::drop_in_place<alloc::string::String>", "alloc"],
    ["js_sys::futures::future_to_promise::<relay_edge::wasm::_::x>::{closure#0}", "relay_edge::wasm"],
    ["parseClaim externref shim multivalue shim", "relay_edge::wasm"],
    ["parseClaim", "relay_edge::wasm"],
    ["<str>::trim", "core"],
    ["<&der::tag::Tag as core::fmt::Display>::fmt", "der"],
    ["__rustc[b7974e8690430dd9]::__rust_realloc", "std"],
    ["__wbindgen_malloc", "wasm_bindgen"],
    ["function 12", "other"],
  ]) assert.equal(crateOf(name), crate, name);
});
