import * as library from "relay-edge";
import * as stores from "relay-edge/stores";
import { openSuite } from "../neutral/suite.mjs";
import { runLines } from "../neutral/lines.mjs";

await runLines(openSuite({ library, stores }), import.meta.resolve("relay-edge"));
