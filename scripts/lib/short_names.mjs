// The names by which the module and the glue know each other, without the hashes that wasm-bindgen puts into them: no
// compression makes those smaller, in the module and once more in the glue.

import { Reader } from './wasm_parts.mjs';

const [IMPORTS, EXPORTS] = [2, 7];

/**
 * @param {Buffer} module as wasm-bindgen wrote it
 * @param {string} glue its JavaScript
 * @returns {{ module: Buffer, glue: string }} the same, with the import `__wbg_fetch_28fd8d1fb43a6fb3` called `fetch`, and the
 *   exports that call closures called `closure`; of several that would have one name, the later ones are numbered
 */
export function shortNames(module, glue) {
  const short = new Map();
  const shorten = (name) => {
    const plain = name
      .replace(/^__wbg_(__wbindgen_)?/, '')
      .replace(/_[0-9a-f]{16}$/, '')
      // js/guard.js knows closures by this name.
      .replace(/^wasm_bindgen_\w+_convert__closures\w+$/, 'closure');
    let [own, number] = [plain, 2];
    while ([...short.values()].includes(own)) own = plain + number++;
    short.set(name, own);
    return own;
  };
  const pieces = [module.subarray(0, 8)];
  const reader = new Reader(module, 8);
  while (!reader.atEnd()) {
    const start = reader.at;
    const id = reader.byte();
    const content = reader.block();
    const other = id === IMPORTS || id === EXPORTS ? section(id, renamed(content, id, shorten)) : undefined;
    pieces.push(other ?? module.subarray(start, reader.at));
  }
  const names = /(?<![\w$])(?:__wb|wasm_bindgen_)\w+/g;
  return { module: Buffer.concat(pieces), glue: glue.replace(names, (name) => short.get(name) ?? name) };
}

/** A section of imports or exports, with other names. What each entry is takes a few bytes, which stay as they are. */
function renamed(content, id, shorten) {
  const reader = new Reader(content, 0);
  const count = reader.number();
  const pieces = [number(count)];
  for (let left = count; left > 0; left -= 1) {
    if (id === IMPORTS) pieces.push(text(reader.block()));
    pieces.push(text(Buffer.from(shorten(reader.block().toString()))));
    const start = reader.at;
    if (id === IMPORTS) reader.import();
    else reader.export();
    pieces.push(content.subarray(start, reader.at));
  }
  return Buffer.concat(pieces);
}

const section = (id, content) => Buffer.concat([Buffer.from([id]), text(content)]);
const text = (bytes) => Buffer.concat([number(bytes.length), bytes]);

/** An unsigned LEB128. */
function number(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) bytes.push((value & 127) | 128);
  return Buffer.from([...bytes, value]);
}
