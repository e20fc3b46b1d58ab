/** What stands in several places and has to be raised together; CONTRIBUTING.md says how. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { filesUnder } from "../../scripts/lib/stamp.mjs";

const read = (file) => readFileSync(inRoot(file), "utf8");
const json = (file) => JSON.parse(read(file));
const page = read("CONTRIBUTING.md");

/** The version of a crate in a lock file of cargo's. */
const locked = (file, name) => new RegExp(`^name = "${name}"\nversion = "([^"]+)"`, "m").exec(read(file))?.[1];
/** What a manifest of cargo's asks for. */
const asked = (file, name) => new RegExp(`^${name} = (?:"|\\{ version = ")([^"]+)"`, "m").exec(read(file))?.[1];

test("the version is the same wherever it stands", () => {
  const version = /^\[package\][^[]*?^version = "([^"]+)"/ms.exec(read("Cargo.toml"))[1];
  const examples = filesUnder("examples").filter((file) => /^examples\/[^/]+\/package-lock\.json$/.test(file));
  assert.ok(examples.length >= 6, examples.join());
  const places = {
    "Cargo.lock": locked("Cargo.lock", "relay-edge"),
    "fuzz/Cargo.lock": locked("fuzz/Cargo.lock", "relay-edge"),
    "package.json": json("package.json").version,
    "package-lock.json": json("package-lock.json").version,
    "package-lock.json, its own package": json("package-lock.json").packages[""].version,
    "worker/openapi.ts": /^ +version: "([^"]+)",$/m.exec(read("worker/openapi.ts"))?.[1],
    ...Object.fromEntries(examples.map((file) => [file, json(file).packages["node_modules/relay-edge"].version])),
    "pkg/package.json": json("pkg/package.json").version,
    "pkg/jsr.json": json("pkg/jsr.json").version,
  };
  assert.deepEqual(places, Object.fromEntries(Object.keys(places).map((place) => [place, version])));
});

test("the pins of wasm-bindgen are of one release, in manifests and lock files", () => {
  const release = asked("Cargo.toml", "wasm-bindgen").replace("=", "");
  const pins = {
    "tools/wasm-bindgen/Cargo.toml": ["wasm-bindgen-cli-support", "wasm-bindgen-cli"],
    "bench/crate/Cargo.toml": ["wasm-bindgen"],
  };
  for (const [file, names] of Object.entries(pins)) {
    for (const name of names) assert.equal(asked(file, name), `=${release}`, `${name} in ${file}`);
    assert.ok(page.includes(`| \`${file}\` |`), `CONTRIBUTING.md does not name ${file}`);
  }
  // Of another manifest nobody would think.
  const manifests = filesUnder("Cargo.toml", "bench/crate/Cargo.toml", "fuzz", "tools").filter((file) => file.endsWith("/Cargo.toml"));
  assert.deepEqual(manifests.filter((file) => asked(file, "wasm-bindgen[\\w-]*") !== undefined).sort(), Object.keys(pins).sort());
  for (const file of ["Cargo.lock", "fuzz/Cargo.lock", "bench/crate/Cargo.lock", "tools/wasm-bindgen/Cargo.lock"]) {
    assert.equal(locked(file, "wasm-bindgen"), release, file);
  }
  assert.equal(locked("tools/wasm-bindgen/Cargo.lock", "wasm-bindgen-cli-support"), release);
  assert.equal(`=${locked("Cargo.lock", "wasm-bindgen-test")}`, asked("Cargo.toml", "wasm-bindgen-test"));
  assert.ok(read("scripts/lib/patch_glue.mjs").includes(`wasm-bindgen (${release},`), "scripts/lib/patch_glue.mjs is of another release");
});

test("CONTRIBUTING.md: the search for what says that nothing was released finds it on each page that says so", () => {
  const [, expression, places] = /`grep -rE "([^"]+)" ([^`]+)`/.exec(page);
  const found = filesUnder(...places.split(" ").map((place) => place.replace(/\/$/, ""))).filter((file) => new RegExp(expression).test(read(file)));
  assert.deepEqual(found.sort(), ["CHANGELOG.md", "README.md", "SECURITY.md", "docs/migrating.md"]);
});
