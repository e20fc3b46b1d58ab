// `npm run soak`: thousands of relays through workerd with random faults and kills.

import "../../scripts/lib/node_version.mjs";
import crypto from "node:crypto";
import { build } from "../../scripts/build.mjs";
import { readArgs } from "../../scripts/lib/args.mjs";
import { isProgram, Problem, progress, runProgram } from "../../scripts/lib/program.mjs";
import { soak } from "./lib/soak.mjs";

const HELP = `npm run soak [-- --relays N] [--seed N] [--kills N]

Carries relays through the gateway in workerd while a quarter of the requests upstream go wrong and the process is killed now
and then, and compares the simulator's ledger with what the callers got.

  --relays N   how many (10000)
  --seed N     what goes wrong, and where (a random one, which is printed)
  --kills N    how often workerd is killed (one in 200 relays)
  --no-build   do not build what is out of date first
  --help       this text
`;

const text = /** @type {const} */ ({ type: "string" });
const flag = /** @type {const} */ ({ type: "boolean" });

async function main(argv) {
  const { values } = readArgs(argv, { relays: text, seed: text, kills: text, "no-build": flag, help: flag }, { command: "npm run soak" });
  if (values.help) return void process.stdout.write(HELP);
  const relays = wholeNumber("--relays", values.relays) ?? 10_000;
  const seed = wholeNumber("--seed", values.seed) ?? crypto.randomInt(2 ** 31);
  const kills = wholeNumber("--kills", values.kills) ?? Math.ceil(relays / 200);
  if (!values["no-build"]) await build();

  process.stdout.write(`seed ${seed}: ${relays} relays, ${kills} kills; again: npm run soak -- --relays ${relays} --seed ${seed} --kills ${kills}\n`);
  const { violations, counts } = await soak({ relays, seed, kills, progress });
  process.stdout.write(`${Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", ")}\n`);
  for (const violation of violations.slice(0, 50)) process.stdout.write(`WRONG ${violation}\n`);
  process.stdout.write(violations.length === 0 ? "The ledger and the callers agree.\n" : `${violations.length} violations\n`);
  return violations.length === 0 ? 0 : 1;
}

/** @param {string} name @param {string | undefined} given */
function wholeNumber(name, given) {
  if (given === undefined) return undefined;
  if (!/^\d{1,9}$/.test(given)) throw new Problem(`${name} takes a whole number, not \`${given}\`.`, { exitCode: 2 });
  return Number(given);
}

if (isProgram(import.meta.url)) await runProgram(main);
