import assert from "node:assert/strict";
import test from "node:test";

// As workerd has it, with a date from 2026-03-03 on.
globalThis.Cloudflare = { compatibilityFlags: { unhandled_rejection_after_microtask_checkpoint: true } };
const { textOf } = await import("../../js/body.js");

const MIB = 1 << 20;

/** An answer, and how it was read. */
function answer(text, headers) {
  const response = new Response(text, { headers });
  const read = [];
  return {
    read,
    headers: response.headers,
    text: () => (read.push("whole"), response.text()),
    body: { getReader: () => (read.push("in pieces"), response.body.getReader()) },
  };
}

for (const [name, headers, how] of [
  ["announced and not packed", { "content-length": "7" }, "whole"],
  ["as long as may be", { "content-length": String(MIB) }, "whole"],
  ["longer", { "content-length": String(MIB + 1) }, "in pieces"],
  ["of a length that is none", { "content-length": "7, 7" }, "in pieces"],
  ["packed", { "content-length": "7", "content-encoding": "gzip" }, "in pieces"],
  ["not announced", {}, "in pieces"],
]) {
  test(`in workerd a body ${name} is read ${how}`, async () => {
    const one = answer('{"a":1}', headers);
    assert.equal(await textOf(one), '{"a":1}');
    assert.deepEqual(one.read, [how]);
  });
}

test("elsewhere every body is read in pieces", async () => {
  const { Cloudflare } = globalThis;
  delete globalThis.Cloudflare;
  const one = answer('{"a":1}', { "content-length": "7" });
  assert.equal(await textOf(one), '{"a":1}');
  assert.deepEqual(one.read, ["in pieces"]);
  globalThis.Cloudflare = Cloudflare;
});
