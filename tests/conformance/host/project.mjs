/**
 * A project of a user: the packed tarball, installed, with the suite beside it. Made once per state of the package and of
 * the suite, in `build/`; several processes may ask for it at once.
 */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { inRoot, Problem } from "../../../scripts/lib/program.mjs";
import { must } from "../../../scripts/lib/run.mjs";
import { cleanEnvironment } from "../../../scripts/lib/runtimes.mjs";

const SUITE = ["cases", "entries", "neutral"];
/** Projects of earlier states are deleted after so long: nobody is using them any more. */
const STALE_MS = 60 * 60 * 1000;

let made;

/**
 * @param {string} [source] another package than the one in `pkg/`, as a folder; its project is made beside it and not shared
 * @returns {Promise<string>} the project's folder: `node_modules/relay-edge`, and the folders of the suite
 */
export async function project(source) {
  if (source === undefined) return (made ??= shared());
  const folder = `${source}-project`;
  mkdirSync(folder);
  await install(folder, source);
  return folder;
}

async function shared() {
  const source = inRoot("pkg");
  if (!existsSync(path.join(source, "package.json"))) throw new Problem("There is no package in pkg/: run `npm run build`.");
  const hash = createHash("sha256");
  for (const file of filesOf(source)) hash.update(`${path.relative(inRoot(), file)}\0`).update(readFileSync(file));
  const folder = inRoot("build", `conformance-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return folder;
  removeStale();
  // Made aside and moved, for test files run at the same time.
  const aside = mkdtempSync(inRoot("build", "conformance-new-"));
  try {
    await install(aside, source);
    renameSync(aside, folder);
  } catch (error) {
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return folder;
}

async function install(folder, source) {
  const npm = (what, ...args) => must(what, "npm", [...args, "--loglevel=error"], { cwd: folder, env: cleanEnvironment() });
  writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name: "conformance", private: true }));
  await npm("npm pack", "pack", source);
  const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"));
  await npm("npm install", "install", `./${tarball}`, "--offline", "--no-audit", "--no-fund");
  for (const name of SUITE) cpSync(inRoot("tests/conformance", name), path.join(folder, name), { recursive: true });
}

function filesOf(source) {
  return [source, ...SUITE.map((name) => inRoot("tests/conformance", name)), inRoot("tests/conformance/host/project.mjs")].flatMap((entry) =>
    statSync(entry).isFile() ? [entry] : readdirSync(entry, { recursive: true }).map((name) => path.join(entry, name)).filter((file) => statSync(file).isFile()).sort(),
  );
}

function removeStale() {
  mkdirSync(inRoot("build"), { recursive: true });
  for (const name of readdirSync(inRoot("build")).filter((entry) => entry.startsWith("conformance-"))) {
    const folder = inRoot("build", name);
    if (Date.now() - statSync(folder).mtimeMs > STALE_MS) rmSync(folder, { recursive: true, force: true });
  }
}
