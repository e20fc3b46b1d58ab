// Where the time of a pass goes, by function: Node's profiler over the package's module with the names of its functions, which is
// the first argument; the second is for how many milliseconds. Prints JSON.

import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { makeIssuer } from '../lib/fixtures.mjs';
import { initSync } from '../../pkg/relay_edge.js';

const [, , wasm, milliseconds] = process.argv;
initSync({ module: readFileSync(wasm) });
const { blindPrivacyPass, finalizePrivacyPass } = await import('../../pkg/persona.js');

const { fixture, sign, judge } = await makeIssuer(2048);
const prepared = blindPrivacyPass(fixture.offer);
const { pendingPass } = prepared;
const blindSig = sign(prepared.blindedToken);
await judge({ pass: finalizePrivacyPass({ pendingPass, blindSig }).privacyPassToken });

const passes = (forMs) => {
  let count = 0;
  const start = performance.now();
  for (; performance.now() - start < forMs; count += 1) {
    blindPrivacyPass(fixture.offer);
    finalizePrivacyPass({ pendingPass, blindSig });
  }
  return { count, ms: performance.now() - start };
};
passes(Number(milliseconds) / 4); // until the compilers are done

const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.setSamplingInterval', { interval: 100 });
await session.post('Profiler.start');
const { count, ms } = passes(Number(milliseconds));
const { profile } = await session.post('Profiler.stop');

const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
const self = new Map();
for (const id of profile.samples) {
  const { functionName, url } = nodes.get(id).callFrame;
  const inWasm = url.startsWith('wasm://');
  const name = inWasm || functionName.startsWith('(') ? functionName : 'JavaScript around the module';
  const key = JSON.stringify([inWasm, name]);
  self.set(key, (self.get(key) ?? 0) + 1);
}
const functions = [...self]
  .map(([key, samples]) => ({ wasm: JSON.parse(key)[0], name: JSON.parse(key)[1], share: samples / profile.samples.length }))
  .sort((a, b) => b.share - a.share);
console.log(JSON.stringify({ msPerPass: ms / count, samples: profile.samples.length, functions }));
