/** Programs that talk in lines: the simulator, and the runtimes that are processes. */
import { spawn } from "node:child_process";
import readline from "node:readline";
import { inRoot } from "../../../scripts/lib/program.mjs";
import { cleanEnvironment } from "../../../scripts/lib/runtimes.mjs";

/** Without a line for so long, a runtime hangs. A case has less. */
const SILENCE_MS = 90_000;

/**
 * A simulator in a process of its own: connections that it resets may keep Node 20 from ending.
 *
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function startSimulator() {
  const child = spawn(process.execPath, [inRoot("simulator/cli.mjs"), "--port", "0"], { env: cleanEnvironment(), stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => reject(new Error(`the simulator ended with ${code}`)));
    readline.createInterface({ input: child.stdout }).once("line", resolve).resume();
  });
  const url = /^ready (http:\S+)$/.exec(line)?.[1];
  if (url === undefined) throw new Error(`the simulator said ${line}`);
  return { url, close: () => child.kill("SIGKILL") };
}

/**
 * Runs `entries/…` in a runtime that is a process. The outcomes come through `report`.
 *
 * @param {string[]} command @param {{ names: string[], url: string, runtime: string, uses?: string }} task
 *   `uses`: what the path of the package's entry ends with
 * @param {(outcome: import("../neutral/suite.mjs").Outcome) => void} report
 * @param {Record<string, string | undefined>} [env]
 */
export async function runProcess([command, ...args], task, report, env = {}) {
  const child = spawn(command, [...args, JSON.stringify(task)], { env: { ...cleanEnvironment(), ...env }, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  let done;
  let silence;
  const heard = () => {
    clearTimeout(silence);
    silence = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
  };
  heard();
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  readline.createInterface({ input: child.stdout }).on("line", (line) => {
    heard();
    const said = JSON.parse(line);
    if (said.done === undefined) report(said);
    else done = said.done;
  });
  const ended = await new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => resolve(signal ?? code));
  }).finally(() => clearTimeout(silence));
  if (ended !== 0 || done !== task.names.length) throw new Error(`the runtime ended (${ended}) before its time: ${stderr.trim() || "it said nothing"}`);
}
