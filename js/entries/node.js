// Node: the module is read from the disk at import, and compiled before the import is done. So `require` takes it too.
import { readFileSync } from "node:fs";
import { initSync } from "./relay_edge.js";

initSync({ module: readFileSync(new URL("./relay_edge_bg.wasm", import.meta.url)) });

export * from "./index.js";
export { default } from "./index.js";
