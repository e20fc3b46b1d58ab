/**
 * workerd through miniflare, at the oldest compatibility date at which the package works and the newest that this workerd takes,
 * each with and without `nodejs_compat`.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { Miniflare, supportedCompatibilityDate } from "miniflare";
import { bundle } from "../host/bundle.mjs";

/** Before it, Workers have a `URL` of their own, to which `http://[::1]` is no base URL. That is all that fails at 2021-11-02, the first date. */
const OLDEST = "2022-10-31";
const WASM = "relay_edge_bg.wasm";

/** @type {import("../host/run_column.mjs").Column[]} */
export const columns = [["old", OLDEST], ["new", supportedCompatibilityDate]].flatMap(([age, date]) =>
  [[], ["nodejs_compat"]].map((flags) => ({
    id: `workerd-${age}${flags.length > 0 ? "-nodejs_compat" : ""}`,
    group: "workerd",
    short: `${age}${flags.length > 0 ? " nodejs" : ""}`,
    title: `workerd, compatibility date ${date}, ${flags.length > 0 ? "with" : "without"} nodejs_compat`,
    missing: async () => undefined,
    run: (task, report) => run({ compatibilityDate: date, compatibilityFlags: flags }, task, report),
  })),
);

async function run(compatibility, { folder, names, ...where }, report) {
  // As wrangler does it: a module of its own, compiled before the Worker starts.
  const asModule = { name: "wasm", setup: (build) => build.onResolve({ filter: /\.wasm$/ }, () => ({ path: `./${WASM}`, external: true })) };
  const code = await bundle(folder, "worker.mjs", { uses: "workerd.js", conditions: ["workerd", "worker", "browser"], plugins: [asModule] });
  const miniflare = new Miniflare({
    modules: [
      { type: "ESModule", path: "worker.js", contents: code },
      { type: "CompiledWasm", path: WASM, contents: readFileSync(path.join(folder, "node_modules/relay-edge", WASM)) },
    ],
    ...compatibility,
    host: "127.0.0.1",
    cf: false,
  });
  try {
    await miniflare.ready;
    for (const name of names) {
      const response = await miniflare.dispatchFetch("http://localhost/", { method: "POST", body: JSON.stringify({ name, ...where }) });
      if (response.status !== 200) throw new Error(`${name}: the Worker answered ${response.status}: ${await response.text()}`);
      report(await response.json());
    }
  } finally {
    await miniflare.dispose();
  }
}
