import { hostSuite } from "./support.mjs";

hostSuite("bun");
