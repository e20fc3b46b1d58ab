/**
 * Vercel's edge-runtime. As on Next.js, `?module` gives a module that was compiled outside: in another realm, by another
 * `WebAssembly`.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { EdgeRuntime } from "edge-runtime";
import { bundle } from "../host/bundle.mjs";

const compiledOutside = {
  name: "wasm?module",
  setup(build) {
    build.onResolve({ filter: /\.wasm\?module$/ }, ({ path }) => ({ path, namespace: "compiled-outside" }));
    build.onLoad({ filter: /./, namespace: "compiled-outside" }, () => ({ contents: "export default globalThis.RELAY_WASM;" }));
  },
};

/** @type {import("../host/run_column.mjs").Column[]} */
export const columns = [
  {
    id: "edge-runtime",
    group: "edge-runtime",
    short: "",
    title: "edge-runtime, the module compiled in another realm",
    missing: async () => undefined,
    async run({ folder, names, ...where }, report) {
      const initialCode = await bundle(folder, "service_worker.mjs", { uses: "edge-light.js", format: "iife", conditions: ["edge-light"], plugins: [compiledOutside] });
      const module = await WebAssembly.compile(readFileSync(path.join(folder, "node_modules/relay-edge/relay_edge_bg.wasm")));
      const runtime = new EdgeRuntime({ initialCode, extend: (context) => Object.assign(context, { RELAY_WASM: module }) });
      for (const name of names) {
        const response = await runtime.dispatchFetch("http://localhost/", { method: "POST", body: JSON.stringify({ name, ...where }) });
        if (response.status !== 200) throw new Error(`${name}: it answered ${response.status}: ${await response.text()}`);
        report(await response.json());
      }
    },
  },
];
