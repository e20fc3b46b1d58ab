/**
 * Looks into the database of a gateway that has ended. A program, for the Node that runs the tests may have no SQLite:
 * `database_tool.mjs FILE age MS` takes so much off all times in it; `rows` prints what there is of each table; `exec SQL`.
 */
import { DatabaseSync } from "node:sqlite";

const [file, what, value] = process.argv.slice(2);
const db = new DatabaseSync(file);
const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'gateway_%' ORDER BY name").all().map(({ name }) => name);
if (what === "exec") db.exec(value);
if (what === "age") {
  const times = { gateway_entries: ["expires_at"], gateway_records: ["since", "written_at"], gateway_flags: ["value"], gateway_alarms: ["at"] };
  const pool = { gateway_pool_slots: ["since", "made_at", "written_at", "taken_at", "collected_at"], gateway_pool_misses: ["at"], gateway_pool_runs: ["at"], gateway_pool_clock: ["at"] };
  for (const [table, columns] of Object.entries({ ...times, ...pool })) {
    if (!tables.includes(table)) continue;
    db.exec(`UPDATE ${table} SET ${columns.map((column) => `${column} = ${column} - ${Number(value)}`).join(", ")}`);
  }
}
console.log(JSON.stringify(Object.fromEntries(tables.map((table) => [table, db.prepare(`SELECT * FROM ${table}`).all()]))));
db.close();
