/** Deno: the package out of node_modules, and its files by URL, without leave to read anything. */
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { findRuntime } from "../../../scripts/lib/runtimes.mjs";
import { serveFolder } from "../host/serve.mjs";
import { runProcess } from "../host/processes.mjs";

const missing = async () => findRuntime("deno").missing;
/** The executable alone: each column has leave of its own. */
const deno = () => findRuntime("deno").command[0];
const COMMON = ["run", "--quiet", "--no-config", "--no-prompt"];

/** @type {import("../host/run_column.mjs").Column[]} */
export const columns = [
  {
    id: "deno-npm",
    group: "deno",
    short: "npm",
    title: "Deno, the package in node_modules, leave to reach the upstream only",
    missing,
    run: ({ folder, ...task }, report) =>
      runProcess([deno(), ...COMMON, "--node-modules-dir=manual", `--allow-net=${new URL(task.url).host}`, path.join(folder, "entries/esm.mjs")], { ...task, uses: "/relay-edge/deno.js" }, report),
  },
  {
    id: "deno-url",
    group: "deno",
    short: "url",
    title: "Deno, http://127.0.0.1:PORT/deno.js, leave to import from there and to reach the upstream only",
    missing,
    async run({ folder, ...task }, report) {
      const cache = mkdtempSync(path.join(os.tmpdir(), "relay-edge-deno-"));
      const server = await serveFolder({ "/suite/": folder, "/": path.join(folder, "node_modules/relay-edge") }, { "/main.mjs": MAIN });
      const leave = [`--allow-import=${new URL(server.url).host}`, `--allow-net=${new URL(task.url).host}`];
      try {
        await runProcess([deno(), ...COMMON, "--no-npm", ...leave, `${server.url}/main.mjs`], task, report, { DENO_DIR: cache });
      } finally {
        await server.close();
        rmSync(cache, { recursive: true, force: true });
      }
    },
  },
];

const MAIN = `
import * as library from "./deno.js";
import * as stores from "./stores.js";
import { openSuite } from "./suite/neutral/suite.mjs";
import { runLines } from "./suite/neutral/lines.mjs";
await runLines(openSuite({ library, stores }));
`;
