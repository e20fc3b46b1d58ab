// Node: the module is read from the disk at import, and compiled before the import is done. So `require` takes it too. Bundlers are
// given inline.js, by the condition `module`; one that does not know it makes a bundle without the module.
import { readFileSync } from "node:fs";
import { initSync } from "./relay_edge.js";

initSync({ module: read() });

function read() {
  try {
    return readFileSync(new URL("./relay_edge_bg.wasm", import.meta.url));
  } catch (cause) {
    throw new Error('relay_edge_bg.wasm is not beside relay-edge, as in a bundle: import "relay-edge/inline", or have the bundler leave relay-edge out ("external")', { cause });
  }
}

export * from "./index.js";
export { default } from "./index.js";
