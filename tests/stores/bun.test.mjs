import { contractSuite } from "./support.mjs";

await contractSuite("bun", ["memory", "sqlite", "sqlite, sealed"]);
