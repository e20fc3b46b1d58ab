/** What the tests of docs/migrating.md share: projects of a platform, and processes that run them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { inRoot } from "../../scripts/lib/program.mjs";

export const PRODUCTION_KEY = "persona_production_simulator";
export const SANDBOX_KEY = "persona_sandbox_simulator";

/** A place in this folder. @param {string} name */
export const here = (name) => fileURLToPath(new URL(name, import.meta.url));

/** A folder that is gone after the test. @param {import("node:test").TestContext} t */
export function temporaryFolder(t) {
  const folder = mkdtempSync(path.join(tmpdir(), "relay-edge-migrating-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a program to its end. @returns {Promise<{ code: number | null, stdout: string, stderr: string }>} */
export function execute(command, args, { env = {}, cwd, input = "", seconds = 120 } = {}) {
  return new Promise((resolve, reject) => {
    const all = { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, ...env };
    const child = spawn(command, args, { cwd, env: all, timeout: seconds * 1000 });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
    child.stdin.on("error", () => {}).end(input);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/**
 * A project of a platform: one file, and the packages it imports: the stand-in for the vendor's, and ours.
 *
 * @param {import("node:test").TestContext} t
 * @param {{ file: string, text: string, simulator: { url: string }, apiKey?: string, node?: string[] }} options `node`: how to
 *   run Node, default this one
 */
export function nodeProject(t, { file, text, simulator, apiKey = PRODUCTION_KEY, node = [process.execPath] }) {
  const folder = temporaryFolder(t);
  writeFileSync(path.join(folder, "package.json"), '{ "private": true }');
  writeFileSync(path.join(folder, file), text);
  mkdirSync(path.join(folder, "node_modules/@persona"), { recursive: true });
  symlinkSync(here("vendor/sdk-node"), path.join(folder, "node_modules/@persona/sdk-node"));
  symlinkSync(inRoot("pkg"), path.join(folder, "node_modules/relay-edge"));
  const env = { SIMULATOR_URL: simulator.url, PERSONA_API_KEY: apiKey, LEDGER_KEY: Buffer.alloc(32, 7).toString("base64") };

  /** Calls an exported function in a process of its own. */
  async function outcome(call, argument) {
    const [command, ...args] = node;
    const all = [...args, here("drive.mjs"), path.join(folder, file), call, ...(argument === undefined ? [] : [JSON.stringify(argument)])];
    const { code, stdout, stderr } = await execute(command, all, { cwd: folder, env });
    assert.equal(code, 0, stdout + stderr);
    return { ...JSON.parse(stdout.trim().split("\n").at(-1)), stderr };
  }
  return {
    folder,
    env,
    async call(name, argument) {
      const { value, error } = await outcome(name, argument);
      assert.equal(error, undefined, JSON.stringify(error));
      return value;
    },
    outcome,
    /** A call that fails, and what it says on stderr. */
    async failure(name, argument) {
      const { error, stderr } = await outcome(name, argument);
      assert.ok(error, "it did not fail");
      return { ...error, stderr };
    },
  };
}

/** As many as a client makes by itself. */
export const ALL_TRIES = 4;

/** Billed, spent and double billed, of a simulator. */
export function books(simulator) {
  const { billed, spent, doubleBilled } = simulator.ledger();
  return { billed: billed.total, spent: spent.total, doubleBilled: doubleBilled.length };
}
