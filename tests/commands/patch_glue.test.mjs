import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { patchGlue } from '../../scripts/lib/patch_glue.mjs';

// What wasm-bindgen 0.2.130 generates, cut down to the places that are changed.
const RESET = 'function __wbg_reset_state() {\n  wasm = wasmInstance.exports;\n}\n';
const CLOSURE = (name) => `function ${name}(arg0, arg1, f) {
  if (state.instance !== __wbg_instance_id) {
    throw new Error('Cannot invoke closure from previous WASM instance');
  }
  real._wbg_cb_unref = () => {
    if (--state.cnt === 0) {
    }
  };
}
`;
const START = 'function __wbg_finalize_init(instance, module) {\n  wasm = instance.exports;\n}\n';
const SYNC = 'function initSync(module) {\n  if (!(module instanceof WebAssembly.Module)) {\n  }\n}\n';
const EXCHANGE = 'a: function(arg0, arg1, arg2, arg3) {\n  const ret = exchange(arg0, getStringFromWasm0(arg1, arg2), arg3);\n  return ret;\n},\n';
const MICROTASK = 'b: function(arg0) {\n  const ret = arg0.queueMicrotask;\n  return ret;\n},\nc: function(arg0) {\n  queueMicrotask(arg0);\n},\n';
const GLUE = RESET + CLOSURE('makeMutClosure') + START + SYNC + EXCHANGE + MICROTASK;

test('guards both places where exports are taken up', () => {
  const patched = patchGlue(GLUE);
  assert.ok(patched.startsWith("import { guardExports } from './guard.js';\n"));
  assert.ok(patched.includes('wasm = guardExports(instance.exports);'));
  assert.ok(patched.includes('wasm = guardExports(wasmInstance.exports);'));
});

test('silences closures of a dead instance, of either kind', () => {
  for (const glue of [GLUE, GLUE + CLOSURE('makeClosure')]) {
    assert.ok(!patchGlue(glue).includes('throw new Error'));
    assert.ok(patchGlue(glue).includes('return undefined;'));
  }
});

test('lets go of no closure of a dead instance', () => {
  for (const glue of [GLUE, GLUE + CLOSURE('makeClosure')]) {
    assert.ok(!patchGlue(glue).includes('if (--state.cnt === 0) {'));
    assert.ok(patchGlue(glue).includes('if (--state.cnt === 0 && state.instance === __wbg_instance_id) {'));
  }
});

test('takes modules of another realm', () => {
  const patched = patchGlue(GLUE);
  assert.ok(!patched.includes('instanceof WebAssembly.Module'));
  assert.ok(patched.includes("Object.prototype.toString.call(module) !== '[object WebAssembly.Module]'"));
});

test('tasks run as reactions of a promise', () => {
  const patched = patchGlue(GLUE);
  assert.ok(!patched.includes('queueMicrotask('));
  assert.ok(patched.includes('Promise.resolve().then(arg0);'));
});

test('finds an exchange where it is written', () => {
  const patched = patchGlue(GLUE);
  assert.ok(patched.includes("import { exchange } from './exchange.js';\n"));
  assert.ok(patched.includes(EXCHANGE));
});

test('a glue that has not what is expected stops the build with a sentence', () => {
  const wrong = {
    'the guard around the exports': [GLUE.replace('wasm = instance.exports', 'wasm = take(instance)'), GLUE + START],
    'closures of a dead instance': [GLUE.replace('from previous', 'of a previous')],
    'the end of a closure of a dead instance': [GLUE.replace('--state.cnt', 'state.cnt--')],
    'modules of another realm': [GLUE.replace(SYNC, ''), GLUE + SYNC],
    'the microtask queue': [GLUE.replace(MICROTASK, ''), GLUE + MICROTASK],
    'an exchange with the upstream': [GLUE.replace(EXCHANGE, ''), GLUE + EXCHANGE],
  };
  for (const [what, glues] of Object.entries(wrong)) {
    for (const glue of glues) assert.throws(() => patchGlue(glue), { message: new RegExp(what) });
  }
});

test('the built glue is patched and nothing of the original is left', () => {
  const glue = readFileSync(new URL('../../pkg/relay_edge.js', import.meta.url), 'utf8');
  assert.equal(glue.match(/guardExports\(/g).length, 2);
  assert.ok(!glue.includes('previous WASM instance'));
  assert.ok(!glue.includes('.text()'));
  assert.ok(!glue.includes('queueMicrotask('));
  assert.throws(() => patchGlue(glue), 'patching twice');
});
