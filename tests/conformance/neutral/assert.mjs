/** The few assertions that the cases need, without a runtime's own library. A failure shows what was found. */

class Failure extends Error {}

export function fail(message) {
  throw new Failure(message);
}

export function ok(value, message = "it is not so") {
  if (!value) fail(`${message} (found ${show(value)})`);
}

/** `Object.is`. */
export function equal(found, wanted, about) {
  if (!Object.is(found, wanted)) fail(`${prefix(about)}found ${show(found)} instead of ${show(wanted)}`);
}

export function notEqual(found, unwanted, about) {
  if (Object.is(found, unwanted)) fail(`${prefix(about)}found ${show(found)} twice`);
}

/** Plain data: the same members, in whatever order, with the same values. */
export function deepEqual(found, wanted, about) {
  const at = difference(found, wanted, "");
  if (at !== undefined) fail(`${prefix(about)}${at === "" ? "" : `at ${at}: `}found ${show(found)} instead of ${show(wanted)}`);
}

export function match(text, pattern, about) {
  if (typeof text !== "string" || !pattern.test(text)) fail(`${prefix(about)}${show(text)} does not match ${pattern}`);
}

/** What `work` throws at once; it is a failure if it does not. */
export function thrown(work, about) {
  try {
    work();
  } catch (error) {
    return error;
  }
  return fail(`${prefix(about)}it did not throw`);
}

/** Where two values differ; undefined when they do not. */
function difference(a, b, at) {
  if (Object.is(a, b)) return undefined;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return at;
  for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
    if (!Object.hasOwn(a, name) || !Object.hasOwn(b, name)) return `${at}.${name}`;
    const inner = difference(a[name], b[name], `${at}.${name}`);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

const prefix = (about) => (about === undefined ? "" : `${about}: `);

function show(value) {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  let text = String(value);
  try {
    if (typeof value === "string" || (typeof value === "object" && value !== null)) text = JSON.stringify(value);
  } catch {
    // Circular, or with a BigInt in it.
  }
  return text.length > 400 ? `${text.slice(0, 400)}…` : text;
}
