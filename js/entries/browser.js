// Browsers without a bundler: the module is fetched from beside this file and compiled as it arrives.
import init from "./relay_edge.js";

await init({ module_or_path: new URL("./relay_edge_bg.wasm", import.meta.url) });

export * from "./index.js";
export { default } from "./index.js";
