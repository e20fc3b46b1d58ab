// What a WebAssembly module consists of: its sections and its functions with their names, read from the binary format
// (https://webassembly.github.io/spec/core/binary/modules.html).

const SECTIONS = [
  'custom', 'types', 'imports', 'functions', 'tables', 'memory', 'globals', 'exports', 'start', 'elements', 'code',
  'data', 'data count', 'tags',
];
const [CUSTOM, IMPORTS, CODE] = [0, 2, 10];

/**
 * @param {Buffer} module
 * @returns {{ sections: { name: string, bytes: Buffer }[], functions: { name: string, bytes: Buffer }[] }} sections as
 *   they stand; functions with the name that the name section gives, `function N` without it
 */
export function partsOf(module) {
  const reader = new Reader(module, 8);
  const sections = [];
  const bodies = [];
  let imported = 0;
  let names = new Map();
  while (!reader.atEnd()) {
    const id = reader.byte();
    const content = reader.block();
    let name = SECTIONS[id] ?? `section ${id}`;
    if (id === CUSTOM) {
      const inside = new Reader(content, 0);
      name = `custom: ${inside.block().toString()}`;
      if (name === 'custom: name') names = functionNames(inside);
    }
    if (id === IMPORTS) imported = importedFunctions(new Reader(content, 0));
    if (id === CODE) {
      const inside = new Reader(content, 0);
      for (let left = inside.number(); left > 0; left -= 1) bodies.push(inside.block());
    }
    sections.push({ name, bytes: content });
  }
  const functions = bodies.map((bytes, at) => ({ name: names.get(at + imported) ?? `function ${at + imported}`, bytes }));
  return { sections, functions };
}

/**
 * The crate that a function belongs to: the one whose type or function it is about.
 *
 * `<A as B>::c` is of the crate of `A`, or of `B` when `A` is a reference or a type of the language; drop glue of the
 * type's, exported functions and their shims are ours.
 *
 * @param {string} name demangled, as in the name section
 * @returns {string} crate and first module of our own, `relay_edge::wasm`; the crate alone of others
 */
export function crateOf(name) {
  const plain = name.replace(/\[[0-9a-f]{12,}\]/g, '').replace(/::h[0-9a-f]{16}(\.\d+)?$/, '').replaceAll('"', '');
  // What generic machinery is made for says more than whose machinery it is.
  const made = /^(?:core::ptr::drop_in_place|js_sys::futures::|serde_core::|<core::marker::PhantomData)/.test(plain);
  const own = /relay_edge::(\w+)/.exec(plain);
  if (own && (made || /^<*(?:&|mut |dyn )*relay_edge::/.test(plain))) return `relay_edge::${own[1]}`;
  if (/(?:shim|^[a-z]+[A-Z]\w*)$/.test(plain) && !plain.includes('::')) return 'relay_edge::wasm';
  const path = /(?<![\w:])([a-z_]\w*)::/.exec(made ? plain.replace(/^core::ptr::drop_in_place(::)?</, '') : plain);
  const found = path?.[1] ?? '';
  if (/^__(rustc|rust|rdl)/.test(found) || /^__(rustc|rust|rdl)/.test(plain)) return 'std';
  if (/^(__)?(wbindgen|externref|wasm_bindgen)/.test(plain)) return 'wasm_bindgen';
  if (found === '' && /^<?(&|\*|\[|\(|str|char|bool|[iuf](8|16|32|64|128|size))/.test(plain)) return 'core';
  return found || 'other';
}

/** Reads the binary format. */
export class Reader {
  /**
   * @param {Buffer} bytes
   * @param {number} at where to begin
   */
  constructor(bytes, at) {
    this.bytes = bytes;
    this.at = at;
  }

  atEnd() {
    return this.at >= this.bytes.length;
  }

  byte() {
    return this.bytes[this.at++];
  }

  /** An unsigned LEB128. */
  number() {
    let [value, scale, byte] = [0, 1, 0];
    do {
      byte = this.byte();
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  }

  /** Bytes with their length before them. */
  block() {
    const length = this.number();
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  /** What an import is of: a function's type, a table, a memory, a global, a tag. Answers which. */
  import() {
    const kind = this.byte();
    if (kind === 0) this.number();
    else if (kind === 2) this.limits();
    else this.byte();
    if (kind === 1) this.limits();
    else if (kind === 3) this.byte();
    else if (kind === 4) this.number();
    return kind;
  }

  /** What an export is of: its kind and its index. */
  export() {
    this.byte();
    this.number();
  }

  limits() {
    const flags = this.byte();
    this.number();
    if (flags & 1) this.number();
  }
}

function importedFunctions(reader) {
  let functions = 0;
  for (let left = reader.number(); left > 0; left -= 1) {
    reader.block();
    reader.block();
    if (reader.import() === 0) functions += 1;
  }
  return functions;
}

/** The name section's part with the functions' names; the reader stands behind the section's own name. */
function functionNames(reader) {
  const names = new Map();
  while (!reader.atEnd()) {
    const part = reader.byte();
    const content = new Reader(reader.block(), 0);
    if (part !== 1) continue;
    for (let left = content.number(); left > 0; left -= 1) names.set(content.number(), content.block().toString());
  }
  return names;
}
