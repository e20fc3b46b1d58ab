// The names under which the module imports the glue's functions, without the hash that each ends in: sixteen digits that no
// compression makes smaller, in the module and once more in the glue.

import { Reader } from './wasm_parts.mjs';

const IMPORTS = 2;

/**
 * @param {Buffer} module as wasm-bindgen wrote it
 * @param {string} glue its JavaScript
 * @returns {{ module: Buffer, glue: string }} the same, with `__wbg_fetch_28fd8d1fb43a6fb3` called `fetch`; of several that
 *   would have one name, the later ones are numbered
 */
export function shortImports(module, glue) {
  const short = new Map();
  const shorten = (name) => {
    const plain = name.replace(/^__wbg_(__wbindgen_)?/, '').replace(/_[0-9a-f]{16}$/, '');
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
    pieces.push(id === IMPORTS ? section(id, renamed(content, shorten)) : module.subarray(start, reader.at));
  }
  const names = /(?<![\w$])__wb\w+/g;
  return { module: Buffer.concat(pieces), glue: glue.replace(names, (name) => short.get(name) ?? name) };
}

/** An import section, with other names. Of what is imported each takes a few bytes, whatever it is. */
function renamed(content, shorten) {
  const reader = new Reader(content, 0);
  const count = reader.number();
  const pieces = [number(count)];
  for (let left = count; left > 0; left -= 1) {
    const from = reader.block();
    const name = reader.block().toString();
    const start = reader.at;
    reader.import();
    pieces.push(text(from), text(Buffer.from(shorten(name))), content.subarray(start, reader.at));
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
