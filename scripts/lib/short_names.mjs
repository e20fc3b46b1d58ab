// The names by which the module and the glue know each other, shortened: wasm-bindgen ends them in hashes, which no compression
// makes smaller, in the module and once more in the glue. What an import does, the glue says where it does it.

import { Reader } from './wasm_parts.mjs';

const [IMPORTS, EXPORTS] = [2, 7];
const CLOSURE = /^wasm_bindgen_\w+_convert__closures/;

/**
 * @param {Buffer} module as wasm-bindgen wrote it
 * @param {string} glue its JavaScript
 * @returns {{ module: Buffer, glue: string }} the same, with imports called `a`, `b`, …, `z`, `a1`, …, and the exports that call
 *   closures `closure1`, `closure2`, …
 */
export function shortNames(module, glue) {
  const short = new Map();
  const count = { [IMPORTS]: 0, [EXPORTS]: 0 };
  const shorten = (name, id) => {
    if (id === IMPORTS ? !name.startsWith('__wb') : !CLOSURE.test(name)) return name;
    const at = count[id]++;
    // js/guard.js knows closures by this name.
    short.set(name, id === EXPORTS ? `closure${at + 1}` : String.fromCharCode(97 + (at % 26)) + (Math.floor(at / 26) || ''));
    return short.get(name);
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
    pieces.push(text(Buffer.from(shorten(reader.block().toString(), id))));
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
