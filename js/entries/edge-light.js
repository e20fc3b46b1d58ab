// Vercel's edge runtime, and Next.js on it: `?module` asks the bundler for the compiled module.
import module from "./relay_edge_bg.wasm?module";
import { initSync } from "./relay_edge.js";

initSync({ module });

export * from "./index.js";
export { default } from "./index.js";
