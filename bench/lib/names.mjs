// What is compared where: the names that results go by, in the order of the tables.

/** The runtimes. */
export const RUNTIMES = ['workerd', 'deno', 'bun', 'node'];

/** The contenders that run in each of them: bench/contenders/contenders.mjs. */
export const IDS = ['relay-edge', 'blindrsa-ts', 'bigint', 'untuned-wasm'];
