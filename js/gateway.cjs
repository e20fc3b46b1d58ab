module.exports = require("./gateway.js");
