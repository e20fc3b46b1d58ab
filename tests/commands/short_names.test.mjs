import assert from 'node:assert/strict';
import { test } from 'node:test';
import binaryen from 'binaryen';
import { shortNames } from '../../scripts/lib/short_names.mjs';

const [FETCH, ANOTHER, IS_NULL] = ['__wbg_fetch_28fd8d1fb43a6fb3', '__wbg_fetch_1111111111111111', '__wbg___wbindgen_is_null_c22311b1cc228e3a'];
const CLOSURES = ['true_', 'false_'].map((end) => `wasm_bindgen_e5149cd1ec53aaf___convert__closures_____invoke___${end}`);
const module = Buffer.from(
  binaryen
    .parseText(
      `(module
        (import "./glue.js" "${FETCH}" (func $fetch (param i32) (result i32)))
        (import "./glue.js" "memory" (memory 1))
        (import "./glue.js" "${ANOTHER}" (func $another (param i32) (result i32)))
        (import "./glue.js" "table" (table 1 2 funcref))
        (import "./glue.js" "global" (global $global i32))
        (import "./glue.js" "${IS_NULL}" (func $is_null (param i32) (result i32)))
        (export "run" (func $run))
        (export "${CLOSURES[0]}" (func $run))
        (export "${CLOSURES[1]}" (func $run))
        (func $run (result i32) (call $is_null (call $another (call $fetch (global.get $global))))))`,
    )
    .emitBinary(),
);
const glue = `const imports = { ${FETCH}: (x) => x * 10, ${ANOTHER}: (x) => x + 1, ${IS_NULL}: (x) => -x };
export function __wbg_reset_state() { wasm.__wbindgen_start(); wasm.${CLOSURES[0]}(); wasm.${CLOSURES[1]}(); }`;

test('imports of the glue and exports of closures have short names, there and in the glue', () => {
  const short = shortNames(module, glue);
  const names = WebAssembly.Module.imports(new WebAssembly.Module(short.module)).map(({ name }) => name);
  assert.deepEqual(names.sort(), ['a', 'b', 'c', 'global', 'memory', 'table']);
  assert.equal(
    short.glue,
    `const imports = { a: (x) => x * 10, b: (x) => x + 1, c: (x) => -x };
export function __wbg_reset_state() { wasm.__wbindgen_start(); wasm.closure1(); wasm.closure2(); }`,
  );
  const exported = WebAssembly.Module.exports(new WebAssembly.Module(short.module)).map(({ name }) => name);
  assert.deepEqual(exported.sort(), ['closure1', 'closure2', 'run']);
  assert.ok(short.module.length < module.length);
});

test('everything else of the module stays as it is', () => {
  const imports = {
    a: (x) => x * 10,
    b: (x) => x + 1,
    c: (x) => -x,
    memory: new WebAssembly.Memory({ initial: 1 }),
    table: new WebAssembly.Table({ initial: 1, maximum: 2, element: 'anyfunc' }),
    global: 4,
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(shortNames(module, glue).module), { './glue.js': imports });
  assert.equal(instance.exports.run(), -41);
});
