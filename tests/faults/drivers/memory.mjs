/** RelayLedger over a MemoryStore. */
import { childDriver } from "../lib/child_driver.mjs";

export const memory = childDriver({ name: "memory", kind: "memory", kills: "its state is the process" });
