// `require` where there is no entry of its own.
const library = require("./inline.js");

exports.__esModule = true;
exports.default = library.default;
Object.assign(exports, library);
