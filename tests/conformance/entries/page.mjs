// For browsers: the runner calls `window.suite`.
import * as library from "relay-edge";
import * as stores from "relay-edge/stores";
import { openSuite } from "../neutral/suite.mjs";

window.suite = openSuite({ library, stores });
