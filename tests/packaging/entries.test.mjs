/** Which file each runtime is given, and that each of them is the same library. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { build } from "esbuild";
import { build as buildWithVite } from "vite";
import { inRoot } from "../../scripts/lib/program.mjs";
import { description, must, projectWithPackage } from "../support/packed.mjs";

/** As Node's algorithm has it: the first condition that holds. */
function resolve(target, conditions) {
  if (typeof target === "string") return target;
  for (const [condition, value] of Object.entries(target)) {
    if (condition !== "default" && !conditions.includes(condition)) continue;
    const found = resolve(value, conditions);
    if (found !== undefined) return found;
  }
  return undefined;
}

// The conditions that each runtime or bundler sets, from its documentation.
const cases = [
  ["Wrangler", ["workerd", "worker", "browser", "import"], "./workerd.js"],
  ["Wrangler, require", ["workerd", "worker", "browser", "require"], "./workerd.js"],
  ["Next.js on the edge", ["edge-light", "worker", "browser", "import"], "./edge-light.js"],
  ["Next.js on the edge, require", ["edge-light", "worker", "browser", "require"], "./edge-light.js"],
  ["Deno", ["deno", "node", "import"], "./deno.js"],
  ["Bun", ["bun", "node", "import"], "./bun.js"],
  ["Bun, require", ["bun", "node", "require"], "./bun.js"],
  ["Node", ["node", "import", "module-sync", "node-addons"], "./node.js"],
  ["Node, require", ["node", "require", "module-sync", "node-addons"], "./node.cjs"],
  ["a bundler for Node", ["node", "module", "import"], "./inline.js"],
  ["a bundler for Node, require", ["node", "module", "require"], "./inline.js"],
  ["a bundler for browsers", ["browser", "module", "import"], "./inline.js"],
  ["a bundler for browsers, require", ["browser", "module", "require"], "./inline.cjs"],
  ["a runtime that nobody has heard of", ["import"], "./inline.js"],
  ["TypeScript", ["types", "node", "import"], "./index.d.ts"],
  ["TypeScript, require", ["types", "node", "require"], "./index.d.cts"],
];

for (const [who, conditions, file] of cases) {
  test(`${who} is given ${file}`, () => assert.equal(resolve(description().exports["."], conditions), file));
}

test("import and require give the same functions, the same classes, and a default", (t) => {
  const program = `
    import * as imported from "relay-edge";
    import { createRequire } from "node:module";
    const require = createRequire(import.meta.url);
    const required = require("relay-edge");
    const names = Object.keys(imported).sort();
    const missing = names.filter((name) => required[name] !== imported[name]);
    const inline = await import("relay-edge/inline");
    const stores = await import("relay-edge/stores");
    console.log(JSON.stringify({
      names, missing, more: Object.keys(required).filter((name) => !names.includes(name)), esModule: required.__esModule,
      inline: Object.keys(inline).sort(), sameInline: require("relay-edge/inline").PersonaError === inline.PersonaError,
      stores: require("relay-edge/stores").SqliteStore === stores.SqliteStore,
    }));`;
  const folder = projectWithPackage(t, { "program.mjs": program });
  const found = JSON.parse(must(process.execPath, ["program.mjs"], { cwd: folder }));
  assert.deepEqual(found.names, exportsOfTypes());
  assert.deepEqual(found, { ...found, missing: [], more: ["__esModule"], esModule: true, inline: found.names, sameInline: true, stores: true });
});

/** The values that index.d.ts declares. */
function exportsOfTypes() {
  const names = ["index", "ledger"].flatMap((file) =>
    [...readFileSync(inRoot("js", `${file}.d.ts`), "utf8").matchAll(/^export (?:declare )?(?:class|function|const) (\w+)/gm)].map(([, name]) => name),
  );
  return [...new Set(names), "default"].sort();
}

/** A minified bundle of a program, as a bundler for browsers makes it without being told anything. */
async function bundle(t, program) {
  const folder = projectWithPackage(t, { "program.mjs": program });
  const { outputFiles } = await build({ absWorkingDir: folder, entryPoints: ["program.mjs"], bundle: true, minify: true, write: false, logLevel: "silent" });
  return outputFiles[0].text;
}

test("what is not imported is not in a bundle", async (t) => {
  // Texts that the code in question needs, so that no minifier can take them away.
  const ledger = "idempotencySecret must be";
  const wasm = "AGFzbQEAAAA";
  assert.ok(readFileSync(inRoot("pkg/ledger.js"), "utf8").includes(ledger));
  assert.ok(readFileSync(inRoot("pkg/relay_edge_bg.wasm.js"), "utf8").includes(wasm));

  const all = await bundle(t, 'import { Persona, RelayLedger } from "relay-edge"; console.log(Persona, RelayLedger);');
  assert.ok(all.includes(ledger) && all.includes(wasm));
  const persona = await bundle(t, 'import { Persona } from "relay-edge"; console.log(Persona);');
  assert.ok(!persona.includes(ledger) && persona.includes(wasm));
  const stores = await bundle(t, 'import { MemoryStore } from "relay-edge/stores"; console.log(MemoryStore);');
  assert.ok(!stores.includes(wasm) && stores.length < 2_000, `${stores.length} bytes`);
});

const uses = 'console.log(JSON.stringify([typeof new Persona().relays.create, parseClaim(\'{"claim_type":"t","claim_result":"passed"}\').passed]));\n';
const programs = {
  "import.mjs": `import Persona, { parseClaim } from "relay-edge"; ${uses}`,
  "require.cjs": `const { Persona, parseClaim } = require("relay-edge"); ${uses}`,
  "inline.mjs": `import { Persona, parseClaim } from "relay-edge/inline"; ${uses}`,
};

/** Bundles a program for Node, as for AWS Lambda, and runs the bundle where the package is not. */
async function bundledForNode(t, program, format, options = {}) {
  const folder = projectWithPackage(t, programs);
  const elsewhere = mkdtempSync(path.join(os.tmpdir(), "relay-edge-bundle-"));
  t.after(() => rmSync(elsewhere, { recursive: true, force: true }));
  const outfile = path.join(elsewhere, format === "esm" ? "bundle.mjs" : "bundle.cjs");
  await build({ absWorkingDir: folder, entryPoints: [program], bundle: true, platform: "node", format, outfile, logLevel: "silent", ...options });
  return () => must(process.execPath, [outfile], { cwd: elsewhere });
}

for (const program of Object.keys(programs)) {
  for (const format of ["cjs", "esm"]) {
    test(`a bundle for Node runs: esbuild, ${program}, ${format}`, async (t) => {
      const run = await bundledForNode(t, program, format);
      assert.equal(run(), '["function",true]\n');
    });
  }
}

test("a bundle for Node runs: Vite, told to leave nothing out", async (t) => {
  const folder = projectWithPackage(t, programs);
  const outDir = mkdtempSync(path.join(os.tmpdir(), "relay-edge-bundle-"));
  t.after(() => rmSync(outDir, { recursive: true, force: true }));
  await buildWithVite({ root: folder, configFile: false, logLevel: "error", build: { ssr: "import.mjs", outDir, emptyOutDir: true }, ssr: { noExternal: true } });
  assert.equal(must(process.execPath, ["import.mjs"], { cwd: outDir }), '["function",true]\n');
});

for (const format of ["cjs", "esm"]) {
  test(`a bundler that does not know the condition "module": the bundle says what to do, ${format}`, async (t) => {
    const conditions = ["production"];
    const run = await bundledForNode(t, "import.mjs", format, { conditions });
    assert.throws(run, /Error: relay_edge_bg\.wasm is not beside relay-edge, as in a bundle: import "relay-edge\/inline", or have the bundler leave relay-edge out/);
    const inline = await bundledForNode(t, "inline.mjs", format, { conditions });
    assert.equal(inline(), '["function",true]\n');
  });
}
