// Bun: an asset, so that `bun build` and `bun build --compile` take it along.
import { readFileSync } from "node:fs";
import path from "./relay_edge_bg.wasm" with { type: "file" };
import { initSync } from "./relay_edge.js";

// A bundle names its assets relative to itself.
initSync({ module: readFileSync(path.startsWith("./") ? new URL(path, import.meta.url) : path) });

export * from "./index.js";
export { default } from "./index.js";
