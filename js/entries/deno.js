/* @ts-self-types="./index.d.ts" */
// Deno 2.6 and newer: a source phase import. It needs no permission to read, and works from an URL.
import source module from "./relay_edge_bg.wasm";
import { initSync } from "./relay_edge.js";

initSync({ module });

export * from "./index.js";
export { default } from "./index.js";
