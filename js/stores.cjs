module.exports = require("./stores.js");
