/** Bundling an entry of the project by esbuild, for the runtimes that take one file. */
import path from "node:path";
import { build } from "esbuild";

/**
 * @param {string} folder of the project @param {string} entry @param {{ uses: string, conditions: string[], format?: "esm" | "iife", plugins?: import("esbuild").Plugin[] }} options
 *   `uses`: the entry of the package that the runtime has to be given; another might work here, and not where it is deployed
 * @returns {Promise<string>} the code
 */
export async function bundle(folder, entry, { uses, ...options }) {
  const { outputFiles, metafile } = await build({
    absWorkingDir: folder,
    entryPoints: [path.join("entries", entry)],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    logLevel: "silent",
    ...options,
  });
  if (!Object.hasOwn(metafile.inputs, `node_modules/relay-edge/${uses}`)) throw new Error(`the bundle took another entry than ${uses}: ${Object.keys(metafile.inputs).join(", ")}`);
  return outputFiles[0].text;
}
