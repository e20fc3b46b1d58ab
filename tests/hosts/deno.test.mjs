import { hostSuite } from "./support.mjs";

hostSuite("deno");
