/** Runs the contract under a runtime, in a process of its own, and shows each of its cases as a test. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import readline from "node:readline";
import { describe, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { cleanEnvironment, findRuntime } from "../../scripts/lib/runtimes.mjs";

const named = process.env.RELAY_EDGE_SDK;
/** The module URL of the library. */
export const libraryUrl =
  named === undefined ? new URL("../../pkg/node.js", import.meta.url).href : named.startsWith("/") ? pathToFileURL(named).href : named;

/** Without a line for so long, the runtime hangs. */
const SILENCE_MS = 120_000;

/**
 * @param {string[]} command of the runtime @param {string} kind see contract/kinds.mjs @param {string[]} [only] names of cases
 * @returns {Promise<{ name: string, ms: number, error?: string }[]>} what came of each case
 */
export async function runContract(command, kind, only) {
  const folder = mkdtempSync(path.join(os.tmpdir(), "relay-edge-stores-"));
  const simulator = await startSimulator();
  try {
    const task = JSON.stringify({ kind, only, simulator: simulator.url, folder });
    const { lines, stderr, ended } = await runLines([...command, fileURLToPath(new URL("contract/run.mjs", import.meta.url)), task]);
    const { done } = lines.pop() ?? {};
    assert.equal(done, lines.length, `the runtime ended (${ended}) after ${lines.length} cases: ${stderr}`);
    assert.ok(done > 0);
    return lines;
  } finally {
    simulator.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * A simulator in a process of its own: connections that it reset may keep Node 20 from ending (it waits for ever for a
 * handle to close), and a test file is to end.
 */
async function startSimulator() {
  const child = spawn(process.execPath, [fileURLToPath(new URL("../../simulator/cli.mjs", import.meta.url)), "--port", "0"], {
    env: cleanEnvironment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const first = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`the simulator ended with ${code}`)));
    readline.createInterface({ input: child.stdout }).once("line", resolve).resume();
  });
  const [, url] = /^ready (http:\S+)$/.exec(first) ?? assert.fail(`the simulator said ${first}`);
  return { url, kill: () => child.kill("SIGKILL") };
}

function runLines([command, ...args]) {
  const child = spawn(command, args, { env: { ...cleanEnvironment(), LIBRARY: libraryUrl }, stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  let stderr = "";
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
  };
  heard();
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    heard();
    lines.push(JSON.parse(line));
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(silence);
      resolve({ lines, stderr, ended: signal ?? code });
    });
  });
}

/** The suite of one runtime. @param {"node" | "bun" | "deno" | "this node"} runtime @param {string[]} storeKinds */
export async function contractSuite(runtime, storeKinds) {
  const { command, missing } = runtime === "this node" ? { command: [process.execPath] } : findRuntime(runtime);
  if (missing !== undefined) return void test(`${runtime}: the contract`, { skip: missing }, () => {});
  for (const kind of storeKinds) {
    const results = await runContract(command, kind).catch((error) => [{ name: "the contract runs to its end", error: error.stack }]);
    describe(`${runtime}: ${kind}`, () => {
      for (const { name, error } of results) test(name, () => void (error !== undefined && assert.fail(error)));
    });
  }
}
