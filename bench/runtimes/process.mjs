// In Node, Deno and Bun: a program that takes commands on standard input, one JSON in a line, and answers each in a line.
// Its argument says which contenders to load, and from where.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { makeBench } from '../contenders/bench.mjs';
import { CONTENDERS } from '../contenders/contenders.mjs';

const { ids, pkg, pkgWasm, blindrsaTs, untuned, tuned } = JSON.parse(process.argv[2]);

const loaders = {
  'relay-edge': async () => ({ pkg: await load(pkg), pkgModule: compile(pkgWasm) }),
  'blindrsa-ts': async () => ({ blindrsa: await load(blindrsaTs) }),
  bigint: async () => ({}),
  'untuned-wasm': async () => ({ untuned: await instance(untuned), untunedModule: compile(untuned.wasm) }),
};

const start = performance.now();
const contenders = {};
for (const id of ids) contenders[id] = CONTENDERS[id](await loaders[id]());
const importMs = performance.now() - start;
const answer = makeBench({ contenders, tuned: tuned && (await instance(tuned)) });

console.log(JSON.stringify({ ready: true, importMs }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line)).catch((error) => ({ error: String(error?.stack ?? error) }))));
}

function load(file) {
  return import(pathToFileURL(file).href);
}

function compile(file) {
  return new WebAssembly.Module(readFileSync(file));
}

async function instance({ js, wasm }) {
  const glue = await load(js);
  glue.initSync({ module: compile(wasm) });
  return glue;
}
