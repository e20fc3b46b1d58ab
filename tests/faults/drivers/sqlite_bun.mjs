/** RelayLedger over a SqliteStore, sealed, with `bun:sqlite`. */
import { findRuntime } from "../../../scripts/lib/runtimes.mjs";
import { childDriver } from "../lib/child_driver.mjs";

export const sqliteBun = childDriver({ name: "sqlite-bun", kind: "sqlite", kills: true, runtime: () => findRuntime("bun") });
