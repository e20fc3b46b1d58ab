// Trap safety: a trap (a panic, memory used up, a stack overflow) ends the call that caused it and those in flight, and
// no later one.
//
// A trap leaves the wasm instance in the middle of something; a promise that it was to settle stays pending for ever. So
// every call into the module passes here: after a trap the calls in flight are rejected, and the module is instantiated
// anew, in its first state. The build puts `guardExports` into the generated glue (scripts/lib/patch_glue.mjs).
import { PersonaError, toError } from "./errors.js";

/** The rejections of the calls in flight. */
const inFlight = new Set();
/** How deep the stack is in the module: it may call a `fetch` of the caller's, which may call the module again. */
let depth = 0;
/** What trapped while the stack was still in the module. */
let trap;
let reset;

/** Says how the module is instantiated anew. Called once, by persona.js. */
export function onTrap(resetState) {
  reset = resetState;
}

/** Wraps the exports of a wasm instance, so that a trap in any of them is noticed. */
export function guardExports(exports) {
  const guarded = {};
  for (const [name, value] of Object.entries(exports)) guarded[name] = typeof value === "function" ? guard(name, value) : value;
  return guarded;
}

/** Makes a synchronous call. */
export function call(work) {
  try {
    return work();
  } catch (thrown) {
    throw toError(thrown);
  }
}

/** Makes an asynchronous call: its promise is settled even if the module traps. */
export function callAsync(work) {
  return new Promise((resolve, reject) => {
    inFlight.add(reject);
    const settle = (done, value) => {
      inFlight.delete(reject);
      done(value);
    };
    try {
      work().then((value) => settle(resolve, value), (thrown) => settle(reject, toError(thrown)));
    } catch (thrown) {
      settle(reject, toError(thrown));
    }
  });
}

function guard(name, work) {
  // What a promise, a timer or the microtask queue calls: nobody is there to catch, and an uncaught error would end the
  // process. Whoever waits for the outcome is in flight, and rejected.
  // The build calls them so (scripts/lib/short_names.mjs).
  const uncatchable = /^closure\d+$/.test(name);
  return (...values) => {
    if (trap !== undefined) throw trap;
    depth += 1;
    try {
      const value = work(...values);
      if (trap === undefined) return value;
    } catch (cause) {
      trap ??= new PersonaError({
        statusCode: 500,
        title: "A fault in relay-edge",
        details: "the WebAssembly module trapped; the next call works. Please report it",
        code: "internal",
        origin: "internal",
        cause,
      });
    } finally {
      depth -= 1;
    }
    const error = trap;
    if (depth === 0) {
      trap = undefined;
      startAnew(error);
      // As if the closure had answered that all is well; the glue looks into the answer of some.
      if (uncatchable) return [];
    }
    throw error;
  };
}

function startAnew(error) {
  const rejections = [...inFlight];
  inFlight.clear();
  reset();
  for (const reject of rejections) reject(error);
}
