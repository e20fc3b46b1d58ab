import { contractSuite } from "./support.mjs";

await contractSuite("deno", ["memory", "sqlite", "sqlite, sealed"]);
