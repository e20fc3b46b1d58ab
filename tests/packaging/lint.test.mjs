/** What linters of packages say, and what `package.json` promises. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { filesUnder } from "../../scripts/lib/stamp.mjs";
import { description, must, packedTarball } from "../support/packed.mjs";

const tool = (name) => inRoot("node_modules/.bin", name);

test("publint has nothing to say, not even a suggestion", () => {
  assert.match(must(tool("publint"), ["--strict", packedTarball()]), /All good!/);
});

test("the types are right under every resolution", () => {
  // `browser` awaits at its top level, which require() can't; `relay_edge_bg.wasm` is no code.
  const out = must(tool("attw"), [packedTarball(), "--exclude-entrypoints", "browser", "relay_edge_bg.wasm", "--no-emoji"]);
  assert.match(out, /No problems found/);
  for (const entry of ["relay-edge", "relay-edge/inline", "relay-edge/stores"]) assert.ok(out.includes(`"${entry}"`), out);
});

/** The files that `exports` leads to. */
function targets(value) {
  return typeof value === "string" ? [value] : Object.values(value).flatMap(targets);
}

test("every file that is exported is there, and every entry is known to have a side effect", () => {
  const { exports, sideEffects, main, types } = description();
  for (const file of [...targets(exports), ...sideEffects, main, types]) assert.ok(existsSync(inRoot("pkg", file)), file);
  const instantiate = filesUnder("pkg").filter((file) => /\.c?js$/.test(file) && /^(initSync|await init)\(|require\("\.\/(node|inline)\.js"\)/m.test(readFileSync(inRoot(file), "utf8")));
  assert.ok(instantiate.length >= 8, instantiate.join());
  for (const file of instantiate) assert.ok(sideEffects.includes(file.replace("pkg/", "./")), `${file} is not in sideEffects: a bundler would drop it`);
});

test("the tarball holds what is exported and the papers, and nothing else", () => {
  const files = must("tar", ["-tzf", packedTarball()]).trim().split("\n").map((file) => file.replace("package/", ""));
  assert.deepEqual(files.sort(), filesUnder("pkg").map((file) => file.replace("pkg/", "")).sort());
  for (const paper of ["LICENSE", "LICENSE-MIT", "LICENSE-APACHE", "THIRD_PARTY_NOTICES.txt", "README.md", "CHANGELOG.md"]) assert.ok(files.includes(paper), paper);
});

test("whose code is in it stands in the notices, with its terms; what only builds or tests it does not", () => {
  const notices = readFileSync(inRoot("pkg/THIRD_PARTY_NOTICES.txt"), "utf8");
  for (const linked of ["blind-rsa-signatures", "crypto-bigint", "hmac-sha512", "jose", "serde_json"]) assert.match(notices, new RegExp(`^${linked} [\\d.]+ \\(`, "m"), linked);
  for (const other of ["serde_derive", "proptest", "wasm-bindgen-cli", "relay-edge"]) assert.doesNotMatch(notices, new RegExp(`^${other} \\d`, "m"), other);
  assert.match(notices, /Permission is hereby granted, free of charge/);
  assert.doesNotMatch(notices, /\/registry\/|\/home\/|\/root\//);
});
