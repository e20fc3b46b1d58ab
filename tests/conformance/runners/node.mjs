/** Node, by `import` and by `require`. */
import path from "node:path";
import { findRuntime } from "../../../scripts/lib/runtimes.mjs";
import { runProcess } from "../host/processes.mjs";

const ENTRIES = { esm: ["entries/esm.mjs", "import", "node.js"], cjs: ["entries/commonjs.cjs", "require", "node.cjs"] };

/** @type {import("../host/run_column.mjs").Column[]} */
export const columns = [20, 22, 24].flatMap((major) => Object.keys(ENTRIES).map((form) => column(`node${major}`, `Node ${major}`, form)));

/** A runtime that takes a script of either form. @param {string} name of scripts/lib/runtimes.mjs @param {string} [uses] the package's entry */
export function column(name, title, form, uses = ENTRIES[form][2]) {
  const [entry, how] = ENTRIES[form];
  return {
    id: `${name}-${form}`,
    group: name.startsWith("node") ? "node" : name,
    short: `${name.replace("node", "")} ${form}`.trim(),
    title: `${title}, \`${how}\``,
    missing: async () => findRuntime(name).missing,
    run: ({ folder, ...task }, report) => runProcess([...findRuntime(name).command, path.join(folder, entry)], { ...task, uses: `/relay-edge/${uses}` }, report),
  };
}
