/** The suite in a process of its own: the task is the last argument, each outcome a line of JSON. */

/** @param {ReturnType<typeof import("./suite.mjs").openSuite>} suite @param {string} [resolved] what `relay-edge` was resolved to */
export async function runLines(suite, resolved = "") {
  const { names, uses = "", ...where } = JSON.parse((globalThis.Deno?.args ?? process.argv).at(-1));
  // Another entry might work too, and need more rights or other files.
  if (!resolved.endsWith(uses)) throw new Error(`relay-edge is ${resolved}, not ${uses}`);
  for (const name of names) console.log(JSON.stringify(await suite.run(name, where)));
  console.log(JSON.stringify({ done: names.length }));
  // Calls that a case gave up may have timers that keep the process.
  (globalThis.Deno ?? process).exit(0);
}
