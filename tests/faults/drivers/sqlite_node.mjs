/** RelayLedger over a SqliteStore, sealed, with `node:sqlite` of Node. */
import { findRuntime } from "../../../scripts/lib/runtimes.mjs";
import { childDriver } from "../lib/child_driver.mjs";

export const sqliteNode = childDriver({ name: "sqlite-node", kind: "sqlite", kills: true, runtime: () => findRuntime("node") });
