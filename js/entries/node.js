// Node, Bun and Deno: the module is read from the disk at import.
import { readFileSync } from "node:fs";
import { initSync } from "./relay_edge.js";

initSync({ module: readFileSync(new URL("./relay_edge_bg.wasm", import.meta.url)) });

export * from "./persona.js";
export { default } from "./persona.js";
export { RelayLedger } from "./ledger.js";
