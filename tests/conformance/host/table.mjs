/** The table of `npm run test:runtimes`: a row per case, a column per runtime. */
import { outline } from "../cases/index.mjs";

const CELL = { ok: "ok", "n/a": "n/a", FAIL: "FAIL", skip: "skip" };

/**
 * @param {Awaited<ReturnType<typeof import("./run_column.mjs").runColumn>>[]} results @param {number} ms
 * @returns {{ text: string, failed: number }}
 */
export function table(results, ms) {
  const rows = outline().filter(({ name }) => results.some(({ outcomes }) => outcomes.has(name)));
  const widthOfNames = Math.max(...rows.map(({ name }) => name.length)) + 2;
  const heads = results.map((_, index) => String(index + 1));
  const cell = (text) => text.padStart(5);
  const lines = results.map(({ column, ms }, index) => `${heads[index].padStart(3)}  ${column.title} (${column.id}, ${(ms / 1000).toFixed(1)} s)`);
  lines.push("", "".padEnd(widthOfNames) + heads.map(cell).join(""));
  let subject;
  const totals = { ok: 0, "n/a": 0, FAIL: 0, skip: 0 };
  const failures = [];
  for (const row of rows) {
    if (row.subject !== subject) lines.push((subject = row.subject).toUpperCase());
    const cells = results.map(({ column, outcomes }) => {
      const { status, detail } = outcomes.get(row.name);
      totals[status] += 1;
      if (status === "FAIL") failures.push(`${column.title}: ${row.name}\n${indent(detail)}`);
      return cell(CELL[status]);
    });
    lines.push(row.name.padEnd(widthOfNames) + cells.join(""));
  }
  const reasons = rows.flatMap(({ name, notIn }) => Object.entries(notIn).map(([runtime, reason]) => `n/a in ${runtime}: ${name}: ${reason}`));
  const skips = results.filter(({ missing }) => missing !== undefined).map(({ column, missing }) => `skip: ${column.title}: ${missing}`);
  for (const list of [reasons, skips]) if (list.length > 0) lines.push("", ...list);
  lines.push("", `${rows.length} cases in ${results.length} runtimes, ${(ms / 1000).toFixed(0)} s: ${totals.ok} ok, ${totals.FAIL} failed, ${totals["n/a"]} n/a, ${totals.skip} skipped`);
  if (failures.length > 0) lines.push("", ...failures);
  return { text: `${lines.join("\n")}\n`, failed: totals.FAIL };
}

const indent = (text = "") => text.split("\n").map((line) => `    ${line}`).join("\n");
