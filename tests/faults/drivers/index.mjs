/** All drivers, in the order of the table's columns. */
import { gatewayNode } from "./gateway_node.mjs";
import { memory } from "./memory.mjs";
import { records } from "./records.mjs";
import { sqliteBun } from "./sqlite_bun.mjs";
import { sqliteDeno } from "./sqlite_deno.mjs";
import { sqliteNode } from "./sqlite_node.mjs";
import { sqlitePair } from "./sqlite_pair.mjs";
import { stateless } from "./stateless.mjs";
import { workerd } from "./workerd.mjs";

export const DRIVERS = [workerd, memory, sqliteNode, sqliteBun, sqliteDeno, sqlitePair, records, gatewayNode, stateless];
