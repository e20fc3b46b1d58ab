import { conformanceTests } from "./host/as_tests.mjs";

await conformanceTests("deno");
