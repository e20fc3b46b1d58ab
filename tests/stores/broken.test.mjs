/** The contract can fail: stores that break one promise each fail the cases that are about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findRuntime } from "../../scripts/lib/runtimes.mjs";
import { runContract } from "./support.mjs";

const CASES = {
  one: "of 20 writers with one version, one wins",
  stale: "a version that does not stand any more writes nothing",
  add: "10 writers that read, add one and write lose no addition",
  processes: "4 processes that read, add one and write lose no addition",
  successor: "who knows a record that was deleted does not write over its successor",
  again: "what was written is there when the store is opened again",
  killed: "what a process was told is written survives its SIGKILL",
  twenty: "20 concurrent ledgers, each with its own handle, random keys: billed once, spent once",
  purchase: "SIGKILL when the upstream has processed the purchase, and another process goes on",
  fetched: "SIGKILL when the upstream has processed the purchase, and reconcile() fetches what it was",
};

/** What each has to fail, and nothing else of {@link CASES} unless it `mayFail`. */
const BROKEN = {
  "broken: nothing is compared": { fails: ["one", "stale", "add", "processes", "successor", "twenty"] },
  "broken: compared, then set": { fails: ["one", "add", "processes"], mayFail: ["stale", "successor", "twenty"] },
  "broken: forgets when it is restarted": { fails: ["processes", "killed", "purchase", "fetched"] },
  "broken: answers before it is durable": { fails: ["again", "killed", "purchase", "fetched", "processes"], mayFail: ["one", "add", "successor", "twenty"] },
  "broken: versions begin at 1 again": { fails: ["successor"], mayFail: ["one", "add", "twenty"] },
};

const { command, missing } = findRuntime("node");
for (const [kind, { fails, mayFail = [] }] of Object.entries(BROKEN)) {
  test(`${kind}: it fails ${fails.join(", ")}`, { skip: missing ?? false }, async () => {
    const results = await runContract(command, kind, Object.values(CASES));
    const failed = results.filter(({ error }) => error !== undefined).map(({ name }) => Object.keys(CASES).find((short) => CASES[short] === name));
    for (const each of fails) assert.ok(failed.includes(each), `it passed "${CASES[each]}"; it failed ${failed}`);
    assert.deepEqual(failed.filter((each) => ![...fails, ...mayFail].includes(each)), []);
  });
}
