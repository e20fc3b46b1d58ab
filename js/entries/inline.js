/* @ts-self-types="./index.d.ts" */
// Bundlers, and every runtime without an entry of its own: the module is a text in the code, so nothing has to be found,
// fetched, copied or awaited.
import base64 from "./relay_edge_bg.wasm.js";
import { initSync } from "./relay_edge.js";

const binary = atob(base64);
const module = new Uint8Array(binary.length);
for (let i = 0; i < binary.length; i += 1) module[i] = binary.charCodeAt(i);
initSync({ module });

export * from "./index.js";
export { default } from "./index.js";
