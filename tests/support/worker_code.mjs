/** A module of worker/ for tests in Node: the SDK behind it is the one for Node. */
import { mkdirSync } from "node:fs";
import { build } from "esbuild";
import { inRoot } from "../../scripts/lib/program.mjs";

/** @param {string} name such as `routes.ts` @returns {Promise<any>} */
export async function importWorker(name) {
  const folder = inRoot("build/worker-code");
  mkdirSync(folder, { recursive: true });
  const outfile = `${folder}/${process.pid}-${name.replace(/\W/g, "-")}.mjs`;
  const sdk = { name: "sdk", setup: (own) => own.onResolve({ filter: /\/pkg\/workerd\.js$/ }, () => ({ path: inRoot("pkg/node.js"), external: true })) };
  await build({ entryPoints: [inRoot("worker", name)], outfile, bundle: true, format: "esm", platform: "neutral", target: "es2022", plugins: [sdk], logLevel: "warning" });
  return import(outfile);
}
