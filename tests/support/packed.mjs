/** The package as it is published: `pkg/` packed by npm, and projects that have it installed. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { inRoot } from "../../scripts/lib/program.mjs";
import { cleanEnvironment } from "../../scripts/lib/runtimes.mjs";
import { hashOf } from "../../scripts/lib/stamp.mjs";

const NPM = ["--no-audit", "--no-fund", "--offline", "--loglevel=error"];

/** @returns {string} the path of the tarball, packed once for each state of `pkg/` */
export function packedTarball() {
  const folder = inRoot("build/packed");
  const file = path.join(folder, `relay-edge-${hashOf(["pkg"]).slice(0, 12)}.tgz`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  // Made aside and moved: test files run at the same time.
  const aside = mkdtempSync(path.join(folder, "new-"));
  try {
    const [{ filename }] = JSON.parse(must("npm", ["pack", "--json", "--pack-destination", aside], { cwd: inRoot("pkg") }));
    renameSync(path.join(aside, filename), file);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
  return file;
}

/**
 * An empty project in a new folder under `build/`, with the package installed from its tarball.
 *
 * @param {import("node:test").TestContext} t the folder goes with the test
 * @param {Record<string, string>} [files] to be written there, text by name
 */
export function projectWithPackage(t, files = {}) {
  const folder = emptyProject(t, files);
  must("npm", ["install", ...NPM, packedTarball()], { cwd: folder });
  return folder;
}

/** The same, without the package. */
export function emptyProject(t, files = {}) {
  mkdirSync(inRoot("build"), { recursive: true });
  const folder = mkdtempSync(inRoot("build/project-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries({ "package.json": '{ "private": true }\n', ...files })) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

/** Runs a command that has to succeed; answers what it printed. */
export function must(command, args, { cwd, env } = {}) {
  const { status, error, stdout, stderr } = spawnSync(command, args, {
    cwd, encoding: "utf8", env: { ...cleanEnvironment(), ...env }, timeout: 300_000, maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`${path.basename(command)} ${args.join(" ")}: ${error?.message ?? `exit code ${status}`}\n${stdout}${stderr}`);
  return stdout;
}

/** `package.json` of the package. */
export const description = () => JSON.parse(readFileSync(inRoot("pkg/package.json"), "utf8"));
