/**
 * The runtimes besides the Node that runs this: pinned in tools/runtimes/package.json and installed into build/ on first
 * use. Where there is no package for this machine, one that is on the PATH will do; else there is a reason to skip.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { inRoot } from "./program.mjs";

const pinned = inRoot("tools/runtimes");
const builds = inRoot("build");

const { platform, arch } = process;
const system = { linux: "linux", darwin: "darwin" }[platform];
const bunArch = { x64: "x64", arm64: "aarch64" }[arch];
const RUNTIMES = {
  node20: nodeOf(20, "node20"),
  node22: nodeOf(22, "node"),
  node24: nodeOf(24, "node24"),
  /** Any Node that has SQLite. */
  node: { ...nodeOf(22, "node"), check: ["--no-warnings", "-e", 'require("node:sqlite")'] },
  bun: { file: `@oven/bun-${system}-${bunArch}/bin/bun`, others: ["bun"], check: ["-e", 'require("bun:sqlite")'], args: [] },
  deno: { file: `@deno/${system}-${arch}${system === "linux" ? "-glibc" : ""}/deno`, others: ["deno"], check: ["eval", 'import "node:sqlite"'], args: ["run", "--quiet", "--allow-all", "--no-config"] },
};

/** @param {number} major @param {string} folder under which the package is installed, without the system */
function nodeOf(major, folder) {
  const check = ["-e", `if (!process.version.startsWith("v${major}.")) throw new Error("this is not Node ${major} but " + process.version)`];
  return { file: `${folder}-${system}-${arch}/bin/node`, others: [process.execPath], check, args: ["--no-warnings"] };
}

/**
 * How to run a script: `[command, ...args]`, to be followed by its path.
 *
 * @param {keyof typeof RUNTIMES} name @returns {{ command: string[] } | { missing: string }}
 */
export function findRuntime(name) {
  const { file, others, check, args } = RUNTIMES[name];
  const { folder, problem } = installed();
  const reasons = problem === undefined ? [] : [problem];
  const own = folder === undefined ? [] : [path.join(folder, "node_modules", file)];
  for (const command of [...own, ...others]) {
    const { status, error, stderr } = spawnSync(command, check, { encoding: "utf8", env: cleanEnvironment(), timeout: 30_000 });
    if (status === 0) return { command: [command, ...args] };
    reasons.push(`${command}: ${error?.code ?? stderr.trim().split("\n").find((line) => /error/i.test(line)) ?? `exit code ${status}`}`);
  }
  return { missing: `there is no ${name} here that will do (${reasons.join("; ")})` };
}

/** Without what Node's test runner tells its children. */
export function cleanEnvironment() {
  return { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, NO_COLOR: "1" };
}

let found;
function installed() {
  return (found ??= install());
}

function install() {
  const papers = ["package.json", "package-lock.json"];
  const hash = createHash("sha256");
  for (const paper of papers) hash.update(readFileSync(path.join(pinned, paper)));
  const folder = path.join(builds, `runtimes-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return { folder };
  mkdirSync(builds, { recursive: true });
  // Made aside and moved: test files run at the same time.
  const aside = mkdtempSync(path.join(builds, "runtimes-new-"));
  try {
    for (const paper of papers) cpSync(path.join(pinned, paper), path.join(aside, paper));
    const options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    const { status, error, stderr } = spawnSync("npm", ["ci", ...options], { cwd: aside, encoding: "utf8", env: cleanEnvironment() });
    if (status !== 0) return { problem: `npm ci in tools/runtimes failed: ${error?.code ?? stderr.trim().split("\n")[0]}` };
    try {
      renameSync(aside, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
    return { folder };
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
