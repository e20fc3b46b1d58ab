/** The declarations of the stores and the ledger are what their users write. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { libraryUrl } from "./support.mjs";

const USES = `
import { Persona, RelayLedger, type RecordStore, type Reconciliation } from "LIBRARY/index.js";
import { MemoryStore, SqliteStore, aesGcmSealer, type LedgerStore, type SqliteDatabase } from "LIBRARY/stores.js";

declare const db: SqliteDatabase;
const seal = aesGcmSealer([{ id: "a", key: new Uint8Array(32) }]);
const stores: LedgerStore[] = [new MemoryStore(), new SqliteStore(db), new SqliteStore(db, { seal })];
const record: RecordStore = stores[0]!.record("name", { ttlSeconds: 60 });
const ledger = new RelayLedger({ apiKey: "key", store: stores[0]!, idempotencySecret: "x".repeat(16), timeoutMs: 10 });
const relay = { relayToken: "relay_x", relaySecret: "s" };
export const uses: Promise<unknown>[] = [
  new Persona().relays.issuePrivacyPass({ claimType: "age_over18_france" }, { record }).then(({ replayed }) => replayed satisfies boolean),
  ledger.issuePrivacyPass({ ...relay, claimType: "age_over18_france" }, { allowedAgain: true }),
  ledger.issuePrivacyPass(relay),
  ledger.issuePrivacyPass({ claimType: "age_over18_france", sandbox: true, idempotencyKey: "key" }),
  ledger.generateClaim(relay).then(({ claimPayload, replayed }) => [claimPayload satisfies string, replayed satisfies boolean]),
  ledger.describe(relay).then(({ redemption }) => redemption?.state),
  ledger.reconcile({ minAgeSeconds: 60 }).then((report: Reconciliation) => report.failures[0]?.error.code),
];
// @ts-expect-error a pass by claim type needs a key to be found by
ledger.issuePrivacyPass({ claimType: "age_over18_france" });
// @ts-expect-error a ledger needs a store
new RelayLedger({});
`;

test("tsc takes what users write, and refuses what they must not", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "relay-edge-types-"));
  try {
    const library = path.dirname(fileURLToPath(libraryUrl));
    writeFileSync(path.join(folder, "uses.mts"), USES.replaceAll("LIBRARY", library));
    const settings = { noEmit: true, strict: true, skipLibCheck: false, target: "es2022", lib: ["es2022", "dom"], module: "nodenext", types: [], noUncheckedIndexedAccess: true };
    writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: settings, files: ["uses.mts"] }));
    const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
    execFileSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
  } catch (error) {
    assert.fail(error.stdout || error);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
