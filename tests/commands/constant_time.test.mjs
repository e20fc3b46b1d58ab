/** What the compiler made of src/inverse.rs and src/modulus.rs neither branches nor chooses by a secret. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import test from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";

/** The text of a module's functions by their names, without the hashes of crates. */
function functionsOf(module) {
  const { stdout, status } = spawnSync(process.execPath, [inRoot("node_modules/binaryen/bin/wasm-dis"), module], { encoding: "utf8", maxBuffer: 1 << 26 });
  assert.equal(status, 0);
  const functions = stdout.split(/^ \(func /m).slice(1).map((text) => [/^\$"?([^"\s]*(?:[^"]*(?="))?)/.exec(text)[1].replace(/\[[0-9a-f]+\]/g, ""), text]);
  return new Map(functions);
}

/** How often an instruction stands in a function. */
const count = (text, instruction) => text.split(new RegExp(`\\(${instruction}\\b`)).length - 1;

/** Instructions that go one way or the other by an operand, or take longer. */
const TELLING = ["if", "br_table", "call_indirect", "i(?:32|64).(?:div|rem)_[su]"];

// Each has one loop and its end, but `product`: pairs of words, as many of them as go between carries, and what is made, copied and
// erased. Where two slices go side by side, `select` takes the length of the shorter one, and before a first or a last word is read,
// it is looked whether there is one: lengths are public.
const EXPECTED = {
  "relay_edge::inverse::divsteps": { loop: 1, br_if: 1, select: 0, "i64.mul": 0, call: 0 },
  "relay_edge::inverse::apply": { loop: 1, br_if: 1, select: 0, "i64.mul": 4, call: 0 },
  "relay_edge::inverse::apply_mod": { loop: 1, br_if: 5, select: 1, "i64.mul": 6, call: 2 },
  "relay_edge::inverse::apply_mod::{closure#0}": { loop: 0, br_if: 0, select: 0, "i64.mul": 3, call: 0 },
  "relay_edge::inverse::add_if_negative": { loop: 1, br_if: 3, select: 1, "i64.mul": 0, call: 0 },
  "relay_edge::modulus::add_products": { loop: 1, br_if: 4, select: 2, "i64.mul": 16, call: 0 },
  "relay_edge::modulus::carry": { loop: 1, br_if: 1, select: 0, "i64.mul": 0, call: 0 },
  "relay_edge::modulus::difference": { loop: 1, br_if: 1, select: 1, "i64.mul": 0, call: 1 },
  "<relay_edge::modulus::Modulus>::product": { loop: 5, br_if: 6, select: 1, "i64.mul": 0, call: 6 },
  "<relay_edge::modulus::Modulus>::times": { loop: 1, br_if: 1, select: 1, "i64.mul": 0, call: 4 },
};

test("arithmetic with secrets has no branch and no choice but by lengths", () => {
  const functions = functionsOf(inRoot("build/bindgen/relay_edge_bg.wasm"));
  for (const [name, counts] of Object.entries(EXPECTED)) {
    const text = functions.get(name);
    assert.ok(text !== undefined, name);
    for (const instruction of TELLING) assert.equal(count(text, instruction), 0, `${name}: ${instruction}`);
    assert.deepEqual(Object.fromEntries(Object.keys(counts).map((instruction) => [instruction, count(text, instruction)])), counts, name);
  }
});
