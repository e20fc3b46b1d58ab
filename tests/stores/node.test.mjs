import { contractSuite } from "./support.mjs";

await contractSuite("node", ["sqlite", "sqlite, sealed"]);
