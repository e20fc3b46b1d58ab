/** Bun, by `import` and by `require`. */
import { column } from "./node.mjs";

/** @type {import("../host/run_column.mjs").Column[]} */
export const columns = ["esm", "cjs"].map((form) => column("bun", "Bun", form, "bun.js"));
