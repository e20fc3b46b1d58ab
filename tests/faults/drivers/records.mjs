/** The SDK's durable calls over bare records in memory, with nothing that joins callers. */
import { childDriver } from "../lib/child_driver.mjs";

export const records = childDriver({ name: "records", kind: "records", kills: "its state is the process", keepsPass: false });
