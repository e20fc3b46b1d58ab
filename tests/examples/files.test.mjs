/** What the examples' files promise: short, pinned, and run as their README says. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { filesOf, manifestOf } from "./support.mjs";

const NAMES = ["bun", "deno", "nextjs", "node-express", "node-hono", "static-page", "worker"];
const INSTALLED = NAMES.filter((name) => name !== "static-page");
const read = (file) => readFileSync(inRoot(file), "utf8");

test("every folder with a package of its own is known here", () => {
  const folders = readdirSync(inRoot("examples"), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const packages = folders.filter((name) => filesOf(name).includes(`examples/${name}/package.json`) || name === "static-page");
  assert.deepEqual(packages.filter((name) => name !== "gateway").sort(), NAMES);
});

test("a program file has 40 lines at most, and none wider than 150 characters", () => {
  const programs = NAMES.flatMap(filesOf).filter((file) => /\.(?:ts|tsx|js|mjs|html)$/.test(file));
  assert.ok(programs.length >= 11);
  for (const file of programs) {
    const lines = read(file).split("\n");
    assert.equal(lines.pop(), "", `${file} ends with a line break`);
    assert.ok(lines.length <= 40, `${file} has ${lines.length} lines`);
    for (const line of lines) assert.ok(line.length <= 150, `${file}: ${line}`);
  }
  assert.ok(read("examples/README.md").trimEnd().split("\n").length <= 40);
});

for (const name of INSTALLED) {
  test(`${name}: versions are pinned, the lock says nothing of a registry, and relay-edge is the tarball`, () => {
    const { dependencies, devDependencies = {}, ...manifest } = manifestOf(name);
    assert.equal(manifest.private, true);
    const { "relay-edge": relayEdge, ...others } = { ...dependencies, ...devDependencies };
    assert.equal(relayEdge, "file:../relay-edge.tgz");
    for (const [dependency, version] of Object.entries(others)) assert.match(version, /^\d+\.\d+\.\d+$/, dependency);
    const { packages } = JSON.parse(read(`examples/${name}/package-lock.json`));
    for (const [where, entry] of Object.entries(packages).filter(([where]) => where.startsWith("node_modules/"))) {
      const own = where === "node_modules/relay-edge";
      assert.equal(entry.resolved, own ? "file:../relay-edge.tgz" : undefined, where);
      // Another build of ours is another tarball; everything else is what it was.
      if (own) assert.equal(entry.integrity, undefined);
      else assert.match(entry.integrity, /^sha512-/, where);
    }
  });

  test(`${name}: the README has its start command`, () => {
    const row = read("examples/README.md").split("\n").find((line) => line.startsWith(`| \`${name}/\` |`));
    assert.ok(row?.includes(`\`${manifestOf(name).scripts.start}\``));
  });
}

test("worker: its wrangler is the workspace's, and so are the types", () => {
  const { devDependencies } = JSON.parse(read("package.json"));
  for (const [name, version] of Object.entries(manifestOf("worker").devDependencies)) assert.equal(version, devDependencies[name], name);
  assert.equal(JSON.parse(read("node_modules/wrangler/package.json")).version, manifestOf("worker").devDependencies.wrangler);
});
