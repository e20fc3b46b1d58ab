/** The table: rows are fault, call and fate, columns are drivers. */
import { notApplicable, ROWS } from "./cases.mjs";

/**
 * @param {import("./lane.mjs").Driver[]} drivers
 * @param {import("./run_matrix.mjs").Result[]} results
 */
export function table(drivers, results) {
  /** @type {string[]} */
  const notes = [];
  const note = (/** @type {string} */ text) => {
    if (!notes.includes(text)) notes.push(text);
    return `n/a [${notes.indexOf(text) + 1}]`;
  };
  const lines = [["fault", "call", "process", ...drivers.map(({ name }) => name)]];
  for (const row of ROWS) {
    const cells = drivers.map((driver) => {
      const reason = notApplicable(driver, row);
      if (reason !== undefined) return note(reason);
      const of = results.filter((result) => result.driver === driver && result.of.fault === row.fault && result.of.call === row.call && result.of.fate === row.fate);
      if (of.length === 0) return "-";
      return cell(of, driver);
    });
    if (cells.some((text) => text !== "-" && !text.startsWith("n/a"))) lines.push([row.fault.name, row.call, row.fate, ...cells]);
  }
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column])).join("  ").trimEnd());
  text.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  return [...text, ...(notes.length > 0 ? [""] : []), ...notes.map((text, index) => `[${index + 1}] not applicable: ${text}`)].join("\n");
}

/** @param {import("./run_matrix.mjs").Result[]} of @param {import("./lane.mjs").Driver} driver */
function cell(of, driver) {
  const callers = of.map((result) => result.of.callers).sort((a, b) => a - b).join(",");
  const sum = (/** @type {"doubleBilled" | "lost" | "stuck"} */ what) => of.reduce((total, result) => total + result[what], 0);
  const counts = [["double", sum("doubleBilled")], ["lost", sum("lost")], ["stuck", sum("stuck")]].filter(([, count]) => count > 0).map(([what, count]) => `${count} ${what}`);
  if (counts.length > 0) return `${driver.mustFail ? "" : "WRONG "}${counts.join(" ")} @${callers}`;
  return of.every(({ violations }) => violations.length === 0) ? `ok @${callers}` : driver.mustFail ? `other @${callers}` : `WRONG @${callers}`;
}

/** @param {import("./run_matrix.mjs").Result[]} results @param {string} what */
export function totals(results, what) {
  const sum = (/** @type {"doubleBilled" | "lost" | "stuck"} */ of) => results.reduce((total, result) => total + result[of], 0);
  const other = results.filter(({ violations, doubleBilled, lost, stuck }) => violations.length > 0 && doubleBilled + lost + stuck === 0).length;
  return `${what}: ${results.length} cases, double-billed ${sum("doubleBilled")}, lost ${sum("lost")}, stuck ${sum("stuck")}${other > 0 ? `, otherwise wrong ${other}` : ""}`;
}
