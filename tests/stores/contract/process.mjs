/** Other processes of the runtime that this one runs under: process_child.mjs, told what to do, printing a line of JSON at a time. */
import { spawn } from "node:child_process";
import readline from "node:readline";
import { fileURLToPath } from "node:url";

const child = fileURLToPath(new URL("process_child.mjs", import.meta.url));
const args = globalThis.Deno !== undefined ? ["run", "--quiet", "--allow-all", "--no-config"] : globalThis.Bun !== undefined ? [] : ["--no-warnings"];

/** @param {Record<string, unknown>} task see process_child.mjs */
export function startProcess(task) {
  const process_ = spawn(process.execPath, [...args, child, JSON.stringify(task)], { stdio: ["ignore", "pipe", "pipe"] });
  const lines = [];
  const waiting = [];
  let stderr = "";
  process_.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  readline.createInterface({ input: process_.stdout }).on("line", (line) => {
    lines.push(JSON.parse(line));
    for (const wake of waiting.splice(0)) wake();
  });
  const ended = new Promise((resolve) =>
    process_.on("close", (code, signal) => {
      resolve({ code, signal });
      for (const wake of waiting.splice(0)) wake();
    }),
  );
  let over = false;
  ended.then(() => (over = true));
  return {
    lines,
    /** Waits for the nth line, from 1. */
    async line(nth) {
      while (lines.length < nth) {
        if (over) throw new Error(`the process ended before its line ${nth}: ${stderr}`);
        await new Promise((resolve) => waiting.push(resolve));
      }
      return lines[nth - 1];
    },
    /** Waits for it to end well; answers its last line. */
    async result() {
      const { code } = await ended;
      if (code !== 0) throw new Error(`the process ended with ${code}: ${stderr}`);
      return lines.at(-1);
    },
    async kill() {
      process_.kill("SIGKILL");
      await ended;
    },
  };
}
