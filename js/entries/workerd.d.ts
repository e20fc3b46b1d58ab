// For who names workerd.js itself, as the gateway's sources do; `exports` leads to index.d.ts.
export * from "./index.js";
export { default } from "./index.js";
