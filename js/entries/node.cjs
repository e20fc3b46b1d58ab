// `require` in Node. Not a second copy: an error that is thrown here is a `PersonaError` there.
const library = require("./node.js");

exports.__esModule = true;
exports.default = library.default;
Object.assign(exports, library);
