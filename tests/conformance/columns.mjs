/** Every runtime, in the order of the table. */
const RUNNERS = ["workerd", "edge_runtime", "deno", "bun", "node", "chromium"];

/** @returns {Promise<import("./host/run_column.mjs").Column[]>} */
export async function allColumns() {
  const runners = await Promise.all(RUNNERS.map((name) => import(`./runners/${name}.mjs`)));
  return runners.flatMap(({ columns }) => columns);
}
