/** `openGateway` by itself: what it refuses, what it reads once, how often it writes, and alarms that nobody can serve. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cleanEnvironment, findRuntime } from "../../scripts/lib/runtimes.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { managedSecrets } from "../worker/support.mjs";

const { command, missing } = findRuntime("node22");

test("openGateway within one process", { skip: missing ?? false }, async (t) => {
  const simulator = await startSimulator();
  t.after(() => simulator.close());
  const folder = mkdtempSync(path.join(os.tmpdir(), "relay-edge-open-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [node, ...options] = command;
  const program = fileURLToPath(new URL("open_gateway.mjs", import.meta.url));
  const library = new URL("../../pkg/", import.meta.url).href;
  const bindings = { ...managedSecrets().bindings, PERSONA_BASE_URL: simulator.url };
  const args = [...options, program, library, folder, JSON.stringify(bindings)];
  const { stdout } = await promisify(execFile)(node, args, { env: cleanEnvironment() });
  const seen = JSON.parse(stdout);

  const what = "an open DatabaseSync of node:sqlite, or Database of bun:sqlite";
  assert.deepEqual(seen.noDatabase, ["GatewayConfigError", `database is missing: managed mode needs ${what}`]);
  assert.deepEqual(seen.noSqlite, ["GatewayConfigError", `database must be ${what}`]);
  assert.match(seen.inMemory[1], /^database is in memory, .*: open a file$/);
  assert.deepEqual([seen.open.length, seen.open[1].split(" ")[0]], [2, "STORE_KEYS"]);
  assert.match(seen.twice[1], /^database has a gateway already/);

  assert.deepEqual([seen.mode, seen.issued, seen.redeemed], ["managed", 200, 200]);
  assert.ok(seen.writes >= 4 && seen.writes <= 7, `${seen.writes} writes`); // docs/hosting.md, "Limits"
  assert.deepEqual([seen.closed, seen.isOpen], [503, false]);

  // Those that are over are deleted, all 20 of them; the one that can't be opened stays, for later, as does the relay's own.
  assert.deepEqual(seen.alarms, [[seen.alarms[0][0], true], ["altered", true]]);
  assert.deepEqual(seen.flags, ["called"]);
  assert.deepEqual(seen.complaints, ["stored_record_invalid"]);
});
