/** The anonymous egress of egress/ in workerd: beside a gateway, or in a process of its own. */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { transformSync } from "esbuild";
import { Miniflare } from "miniflare";
import { inRoot } from "../../scripts/lib/program.mjs";

/**
 * As miniflare takes a Worker.
 *
 * @param {object} options
 * @param {string} [options.upstream] becomes its `PERSONA_BASE_URL`
 * @param {string} [options.zone] what `CF-Worker` names
 */
export function egressWorker({ upstream, zone }) {
  const { code } = transformSync(readFileSync(inRoot("egress/index.ts"), "utf8"), { loader: "ts", format: "esm" });
  return {
    name: "outbound",
    modules: true,
    script: code,
    compatibilityDate: /^compatibility_date = "(.+)"$/m.exec(readFileSync(inRoot("egress/wrangler.toml"), "utf8"))?.[1],
    bindings: upstream === undefined ? {} : { PERSONA_BASE_URL: upstream },
    ...(zone === undefined ? {} : { zone }),
  };
}

/**
 * In a process of its own, for gateways in others: `egress: address`.
 *
 * @param {Parameters<typeof egressWorker>[0]} options
 */
export async function startEgress(options) {
  let output = "";
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    workers: [egressWorker(options)],
    handleRuntimeStdio(...streams) {
      for (const input of streams) createInterface({ input }).on("line", (line) => (output += `${line}\n`));
    },
  });
  const url = await miniflare.ready;
  return { url: url.origin, address: url.host, output: () => output, close: () => miniflare.dispose() };
}
