// `npm run test:schema`: schemathesis against the gateway, for as long as you like.

import "../../scripts/lib/node_version.mjs";
import crypto from "node:crypto";
import { performance } from "node:perf_hooks";
import { build } from "../../scripts/build.mjs";
import { readArgs } from "../../scripts/lib/args.mjs";
import { isProgram, Problem, progress, runProgram } from "../../scripts/lib/program.mjs";
import { findSchemathesis, fuzz, MODES } from "./fuzz.mjs";

const HELP = `npm run test:schema [-- --requests N] [--seed N]

Has schemathesis make requests up from GET /openapi.json, right ones and wrong ones, and send them to the gateway in workerd, in
managed and in pass-through mode, with the simulator behind it. No answer may be one that is not described, and no error ours.

  --requests N   at least so many, half in each mode (1000)
  --seed N       what is made up (a random one, which is printed)
  --no-build     do not build what is out of date first
  --help         this text
`;

/** For one round; schemathesis tires of a description with time. */
const ROUND_S = 60;

const text = /** @type {const} */ ({ type: "string" });
const flag = /** @type {const} */ ({ type: "boolean" });

async function main(argv) {
  const { values } = readArgs(argv, { requests: text, seed: text, "no-build": flag, help: flag }, { command: "npm run test:schema" });
  if (values.help) return void process.stdout.write(HELP);
  const requests = wholeNumber("--requests", values.requests) ?? 1000;
  const seed = wholeNumber("--seed", values.seed) ?? crypto.randomInt(2 ** 31);
  if (!values["no-build"]) await build();
  const found = findSchemathesis();
  if ("missing" in found) throw new Problem(`There is no schemathesis: ${found.missing}.`);

  process.stdout.write(`seed ${seed}; again: npm run test:schema -- --requests ${requests} --seed ${seed}\n`);
  const start = performance.now();
  let sent = 0;
  let failed = false;
  for (const mode of MODES) {
    const result = await fuzz({ mode, tool: found.tool, seed, seconds: Math.min(ROUND_S, Math.ceil(requests / 50)), requests: requests / MODES.length, progress });
    process.stdout.write(`${mode}: ${result.requests} requests, ${Object.entries(result.byStatus).map(([status, count]) => `${status}: ${count}`).join(", ")}\n`);
    for (const problem of result.problems) process.stdout.write(`WRONG ${problem}\n`);
    sent += result.requests;
    failed ||= result.problems.length > 0;
  }
  process.stdout.write(`${sent} requests in ${((performance.now() - start) / 1000).toFixed(0)} s, ${failed ? "and not all is well" : "every answer is described, and nothing broke"}\n`);
  return failed ? 1 : 0;
}

/** @param {string} name @param {string | undefined} given */
function wholeNumber(name, given) {
  if (given === undefined) return undefined;
  if (!/^\d{1,9}$/.test(given)) throw new Problem(`${name} takes a whole number, not \`${given}\`.`, { exitCode: 2 });
  return Number(given);
}

if (isProgram(import.meta.url)) await runProgram(main);
