// What the generated glue cannot be told by an option, changed in its text.
//
// wasm-bindgen (0.2.130, `--experimental-reset-state-function`) leaves some things to be done for trap safety, for
// hosts with several realms, and for what is done in JavaScript. Each change must match exactly as often as expected, so that another version of
// wasm-bindgen stops the build instead of quietly losing one of them.

import { Problem } from './program.mjs';

const CHANGES = [
  {
    // Every call into the module has to pass the guard (js/guard.js), or a trap would leave a poisoned instance in
    // use. The exports are taken up twice: by the first start, and by the reset that replaces a dead instance.
    what: 'the guard around the exports',
    find: /\bwasm = (instance|wasmInstance)\.exports;/g,
    replace: 'wasm = guardExports($1.exports);',
    times: () => 2,
  },
  {
    // A promise or a timer that was started by a dead instance still calls its closure. The glue throws there, in a
    // place where nobody can catch it, which ends a Node process. The caller has had its rejection already: ignore it.
    what: 'closures of a dead instance',
    find: /throw new Error\((['"])Cannot invoke closure from previous WASM instance\1\);/g,
    replace: 'return undefined;',
    // One per kind of closure in use (Fn, FnMut).
    times: (glue) => (glue.match(/^function make(Mut)?Closure\(/gm) ?? []).length,
  },
  {
    // A closure that was running when its instance died is let go after the reset: its memory went with the instance,
    // and the same address means something else in the new one.
    what: 'the end of a closure of a dead instance',
    find: /if \(--state\.cnt === 0\) \{/g,
    replace: 'if (--state.cnt === 0 && state.instance === __wbg_instance_id) {',
    times: (glue) => (glue.match(/^function make(Mut)?Closure\(/gm) ?? []).length,
  },
  {
    // A module compiled in another realm (Next.js does that) is a WebAssembly.Module, but not an instance of ours.
    what: 'modules of another realm',
    find: /!\(module instanceof WebAssembly\.Module\)/g,
    replace: "Object.prototype.toString.call(module) !== '[object WebAssembly.Module]'",
    times: () => 1,
  },
  {
    // Tasks of the module run as microtasks. workerd makes a function and a handle for whatever its queueMicrotask is given, and Node
    // a resource of async_hooks, which takes longer than what most of these tasks do. A promise's reactions are V8's own.
    what: 'the microtask queue',
    find: /\bqueueMicrotask\((\w+)\);/g,
    replace: 'Promise.resolve().then($1);',
    times: () => 1,
  },
  {
    // The module asks for a whole exchange at once (js/exchange.js).
    what: 'an exchange with the upstream',
    find: /\bconst ret = exchange\(/g,
    replace: '$&',
    times: () => 1,
  },
];

/**
 * @param {string} glue `relay_edge.js` as wasm-bindgen wrote it for the `web` target
 * @returns {string} the same with the changes above, importing what they need from `./guard.js` and `./exchange.js`
 * @throws {Problem} when a change does not match as often as it should
 */
export function patchGlue(glue) {
  let patched = glue;
  for (const { what, find, replace, times } of CHANGES) {
    const found = (glue.match(find) ?? []).length;
    const expected = times(glue);
    if (found !== expected) {
      throw new Problem(
        `The generated glue has ${found} places instead of ${expected} for ${what}: ` +
          'bring scripts/lib/patch_glue.mjs up to date with this wasm-bindgen.',
      );
    }
    patched = patched.replace(find, replace);
  }
  return `import { guardExports } from './guard.js';\nimport { exchange } from './exchange.js';\n${patched}`;
}
