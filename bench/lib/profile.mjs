// The profile of the package, by function and by crate.

import { inRoot, progress } from '../../scripts/lib/program.mjs';
import { must } from '../../scripts/lib/run.mjs';
import { cleanEnvironment } from '../../scripts/lib/runtimes.mjs';
import { namedModule } from '../../scripts/lib/wasm.mjs';
import { round } from './statistics.mjs';

/** How many functions are listed. */
const LISTED = 16;

/** @param {{ ms: number }} options for how long passes are made and finalized */
export async function measureProfile({ ms }) {
  progress('Profiling …');
  const script = [inRoot('bench/runtimes/profile.mjs'), await namedModule()];
  const { msPerPass, samples, functions } = JSON.parse(await must('Profiling', process.execPath, [...script, String(ms)], { env: cleanEnvironment() }));
  const named = functions.map(({ wasm, name, share }) => ({ name: wasm ? plain(name) : name, crate: wasm ? crateOf(name) : 'JavaScript and Node', share }));
  const top = merged(named, ({ name, crate }) => ({ name, crate }));
  return {
    msPerPass: round(msPerPass),
    samples,
    functions: top.slice(0, LISTED),
    crates: merged(named, ({ crate }) => ({ crate })).filter(({ share }) => share >= 0.001),
  };
}

function merged(all, key) {
  const shares = new Map();
  for (const each of all) {
    const text = JSON.stringify(key(each));
    shares.set(text, (shares.get(text) ?? 0) + each.share);
  }
  return [...shares].map(([text, share]) => ({ ...JSON.parse(text), share: round(share) })).sort((a, b) => b.share - a.share);
}

/** Without the hashes of the compiler, and without the path to a type that an `impl` repeats. */
function plain(name) {
  return name.replace(/::h[0-9a-f]{16}$/, '').replace(/\[[0-9a-f]+\]/g, '').replace(/::<impl (?:[\w:<> ,]*? for )?([\w:]+)>::/g, (_, type) => `::${type.split('::').at(-1)}::`);
}

/** The first path in a name: that of the function, or of the type that implements a trait. */
function crateOf(name) {
  return /([a-z_][a-z0-9_]*)(?:\[[0-9a-f]+\])?::/.exec(name)?.[1] ?? 'the rest of the module';
}
