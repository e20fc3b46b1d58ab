/** The package in an empty project, put there by each package manager, and what Deno and Bun do besides. */
import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { after, test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { findRuntime } from "../../scripts/lib/runtimes.mjs";
import { filesUnder } from "../../scripts/lib/stamp.mjs";
import { emptyProject, projectWithPackage } from "../support/packed.mjs";
import { run } from "../../scripts/lib/run.mjs";
import { startRegistry } from "./registry.mjs";

const registry = await startRegistry();
after(() => registry.close());

const program = `
import Persona, { parseClaim } from "relay-edge";
import { MemoryStore } from "relay-edge/stores";
const { passed } = parseClaim('{"claim_type":"t","claim_result":"passed"}');
console.log(JSON.stringify([passed, typeof new Persona().relays.create, (await new MemoryStore().names()).length]));
`;
const printed = '[true,"function",0]\n';

/** Runs a command, while the servers of this process go on; answers what it printed. */
async function must(command, args, { cwd, env = {} }) {
  const { code, output, stdout } = await run(command, args, { cwd, env: { NODE_TEST_CONTEXT: undefined, NO_COLOR: "1", ...env } });
  assert.equal(code, 0, `${command} ${args.join(" ")}: ${output}`);
  return stdout;
}

/** The program of a runtime without the arguments that findRuntime adds; or the test is skipped. */
function runtime(t, name) {
  const found = findRuntime(name);
  if (found.missing !== undefined) t.skip(found.missing);
  return found.command?.[0];
}

test("npm install", async (t) => {
  const cwd = emptyProject(t, { "program.mjs": program });
  await must("npm", ["install", "relay-edge", "--registry", registry.url, "--no-audit", "--no-fund", "--cache", path.join(cwd, "cache")], { cwd });
  assert.equal(await must(process.execPath, ["program.mjs"], { cwd }), printed);
});

test("bun add", async (t) => {
  const bun = runtime(t, "bun");
  if (bun === undefined) return;
  const cwd = emptyProject(t, { "program.mjs": program });
  await must(bun, ["add", "relay-edge"], { cwd, env: { npm_config_registry: registry.url, BUN_INSTALL_CACHE_DIR: path.join(cwd, "cache") } });
  assert.equal(await must(bun, ["program.mjs"], { cwd }), printed);
});

test("deno add, and no permission is needed to import it", async (t) => {
  const deno = runtime(t, "deno");
  if (deno === undefined) return;
  const cwd = emptyProject(t, { "program.mjs": program, "deno.json": "{}" });
  const env = { NPM_CONFIG_REGISTRY: registry.url, DENO_DIR: path.join(cwd, "cache") };
  await must(deno, ["add", "npm:relay-edge"], { cwd, env });
  assert.equal(await must(deno, ["run", "--no-prompt", "program.mjs"], { cwd, env }), printed);
});

test("Deno imports it from an URL, with its types and without permission to read", async (t) => {
  const deno = runtime(t, "deno");
  if (deno === undefined) return;
  const types = { js: "text/javascript", ts: "application/typescript", wasm: "application/wasm" };
  const server = http.createServer((request, response) => {
    const file = inRoot("pkg", path.basename(request.url));
    response.setHeader("content-type", types[file.split(".").at(-1)]).end(readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => server.close());
  const { port } = server.address();
  const fromUrl = (text) => text.replace('"relay-edge"', `"http://127.0.0.1:${port}/deno.js"`).replace('"relay-edge/stores"', `"http://127.0.0.1:${port}/stores.js"`);
  const cwd = emptyProject(t, { "program.ts": fromUrl(program), "wrong.ts": fromUrl(program).replace("new Persona()", "new Persona({ apiKey: 5 })") });
  const env = { DENO_DIR: path.join(cwd, "cache") };
  const args = ["run", "--check", "--no-prompt", "--no-config", `--allow-import=127.0.0.1:${port}`];
  assert.equal(await must(deno, [...args, "program.ts"], { cwd, env }), printed);
  await assert.rejects(must(deno, [...args, "wrong.ts"], { cwd, env }), /TS2322.*'number' is not assignable to type 'string'/s);
});

test("JSR would take it", async (t) => {
  const deno = runtime(t, "deno");
  if (deno === undefined) return;
  const files = Object.fromEntries(filesUnder("pkg").filter((file) => !file.endsWith("/package.json")).map((file) => [file.replace("pkg/", ""), readFileSync(inRoot(file))]));
  const cwd = emptyProject(t, files);
  const out = await run(deno, ["publish", "--dry-run", "--allow-dirty", "--config", "jsr.json"], { cwd, env: { NO_COLOR: "1", NODE_TEST_CONTEXT: undefined, DENO_DIR: path.join(cwd, "cache") } });
  assert.equal(out.code, 0, out.output);
  assert.match(out.output, /Checking for slow types in the public API/);
  const { version } = JSON.parse(readFileSync(inRoot("pkg/package.json"), "utf8"));
  assert.ok(out.output.includes(`@relay-edge/relay-edge@${version}`), out.output);
});

test("bun build takes the module along, into a bundle and into one executable", async (t) => {
  const bun = runtime(t, "bun");
  if (bun === undefined) return;
  const cwd = projectWithPackage(t, { "program.mjs": program });
  await must(bun, ["build", "--target", "bun", "program.mjs", "--outdir", "out"], { cwd });
  await must(bun, ["build", "--compile", "program.mjs", "--outfile", "executable"], { cwd });
  renameSync(path.join(cwd, "node_modules"), path.join(cwd, "gone"));
  assert.equal(await must(bun, [path.join(cwd, "out/program.js")], { cwd: "/" }), printed);
  assert.equal(await must(path.join(cwd, "executable"), [], { cwd: "/" }), printed);
});

test("bun build for Node does not set the condition `module`: relay-edge/inline is for that, or the package is left out", async (t) => {
  const bun = runtime(t, "bun");
  if (bun === undefined) return;
  const cwd = projectWithPackage(t, { "program.mjs": program, "inline.mjs": program.replace('"relay-edge"', '"relay-edge/inline"') });
  const built = async (file, ...more) => {
    await must(bun, ["build", "--target", "node", file, "--outdir", "out", ...more], { cwd });
    return must(process.execPath, [path.join("out", file.replace(".mjs", ".js"))], { cwd });
  };
  await assert.rejects(built("program.mjs"), /relay_edge_bg\.wasm is not beside relay-edge, as in a bundle: import "relay-edge\/inline"/);
  assert.equal(await built("program.mjs", "--external", "relay-edge"), printed);
  assert.equal(await built("inline.mjs"), printed);
});
