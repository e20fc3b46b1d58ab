/** The types, as TypeScript sees them in a project that has the package installed. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { must, projectWithPackage } from "../support/packed.mjs";

const text = readFileSync(new URL("types/usage.ts", import.meta.url), "utf8");
/** Compiles one file, and the library's declarations with it. */
function compile(folder, file, compilerOptions) {
  const options = { noEmit: true, strict: true, exactOptionalPropertyTypes: true, target: "es2022", lib: ["es2022", "dom"], types: [], ...compilerOptions };
  writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions: options, files: [file] }));
  return must(process.execPath, [inRoot("node_modules/typescript/bin/tsc"), "-p", "."], { cwd: folder });
}

const bundler = { module: "esnext", moduleResolution: "bundler" };
const settings = {
  "nodenext, a module": ["usage.mts", { module: "nodenext" }],
  "nodenext, CommonJS": ["usage.cts", { module: "nodenext" }],
  "node16, CommonJS": ["usage.cts", { module: "node16" }],
  bundler: ["usage.ts", bundler],
  "bundler, for workerd": ["usage.ts", { ...bundler, customConditions: ["workerd"] }],
};

for (const [name, [file, options]] of Object.entries(settings)) {
  test(`they compile under ${name}, the library's own included`, (t) => {
    compile(projectWithPackage(t, { [file]: text }), file, options);
  });
}

test("a wrong use does not compile", (t) => {
  const folder = projectWithPackage(t, { "wrong.mts": text.replaceAll("// @ts-expect-error", "//") });
  const wrong = text.split("@ts-expect-error").length - 1;
  assert.throws(
    () => compile(folder, "wrong.mts", { module: "nodenext" }),
    (error) => new Set(error.message.match(/wrong\.mts\(\d+/g)).size === wrong,
  );
});
