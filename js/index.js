/* @ts-self-types="./index.d.ts" */
// Everything that index.d.ts describes. An entry has instantiated the module before.
export * from "./persona.js";
export { default } from "./persona.js";
export { RelayLedger } from "./ledger.js";
