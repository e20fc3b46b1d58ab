// Cloudflare Workers: the bundler hands over the compiled module, and nothing but its instantiation happens at import.
import module from "./relay_edge_bg.wasm";
import { initSync } from "./relay_edge.js";

initSync({ module });

export * from "./index.js";
export { default } from "./index.js";
