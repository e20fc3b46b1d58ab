import { contractSuite } from "./support.mjs";

await contractSuite("this node", ["memory"]);
