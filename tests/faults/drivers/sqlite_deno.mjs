/** RelayLedger over a SqliteStore, sealed, with `node:sqlite` of Deno. */
import { findRuntime } from "../../../scripts/lib/runtimes.mjs";
import { childDriver } from "../lib/child_driver.mjs";

export const sqliteDeno = childDriver({ name: "sqlite-deno", kind: "sqlite", kills: true, runtime: () => findRuntime("deno") });
