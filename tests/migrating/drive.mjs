/**
 * node drive.mjs FILE CALL [ARGUMENT]: calls an exported function of a platform's code, in a process of its own, and prints what
 * came of it as JSON. What the code sends to the production API goes to the simulator (SIMULATOR_URL).
 */
import { writeSync } from "node:fs";
import { pathToFileURL } from "node:url";

const PRODUCTION = "https://api.withpersona.com/";
const realFetch = globalThis.fetch;
globalThis.fetch = (url, init) => {
  if (!String(url).startsWith(PRODUCTION)) throw new Error(`the platform called ${url}`);
  return realFetch(String(url).replace(PRODUCTION, `${process.env.SIMULATOR_URL}/`), init);
};

const [file, call, argument] = process.argv.slice(2);
const platform = await import(pathToFileURL(file).href);
let outcome;
try {
  outcome = { value: await platform[call](argument && JSON.parse(argument)) };
} catch (error) {
  outcome = { error: { ...error, name: error.name, message: error.message } };
}
// The platform's own timers need not keep it.
writeSync(1, `${JSON.stringify(outcome)}\n`);
process.exit();
