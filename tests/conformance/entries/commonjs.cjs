const library = require("relay-edge");
const stores = require("relay-edge/stores");
const { openSuite } = require("../neutral/suite.mjs");
const { runLines } = require("../neutral/lines.mjs");

runLines(openSuite({ library, stores }), require.resolve("relay-edge"));
