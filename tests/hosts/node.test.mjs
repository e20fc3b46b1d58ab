import { hostSuite } from "./support.mjs";

hostSuite("node");
