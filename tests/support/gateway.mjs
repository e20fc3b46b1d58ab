/**
 * The gateway as it is deployed: the bundle of `wrangler deploy --dry-run` in a real workerd with a real KV, behind a
 * real socket. The bundle has to be there: `npm test` and `npm run build` make it.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Miniflare } from "miniflare";
import { inRoot } from "../../scripts/lib/program.mjs";
import { workerModules } from "../../scripts/lib/worker_bundle.mjs";

/**
 * @typedef {object} GatewayOptions
 * @property {Record<string, unknown>} [bindings] variables and secrets. Default: none, which is pass-through mode
 * @property {string} [upstream] becomes `PERSONA_BASE_URL`
 * @property {string} [kvPersist] a directory that outlives the gateway. Default: the KV is gone with it
 * @property {string | false} [relays] `false`: no `RELAYS` binding. A string: the source of a class body that stands in for
 *   the KV, with `get` and `put`. Default: a real KV
 */

/**
 * @typedef {object} Gateway
 * @property {string} url without a slash at its end
 * @property {number} port
 * @property {() => Record<string, unknown>[]} logs the JSON lines so far
 * @property {() => string} output all that workerd wrote, as it is
 * @property {(matches: (line: Record<string, any>) => boolean) => Promise<Record<string, any>>} log waits for a line
 * @property {() => Promise<import("@cloudflare/workers-types").KVNamespace>} kv the namespace behind `RELAYS`
 * @property {() => Promise<void>} close
 */

/** @param {GatewayOptions} [options] @returns {Promise<Gateway>} */
export async function startGateway({ bindings = {}, upstream, kvPersist, relays } = {}) {
  let output = "";
  /** @type {Record<string, unknown>[]} */
  const lines = [];
  const main = {
    name: "gateway",
    modules: workerModules(),
    modulesRoot: inRoot("build/worker"),
    compatibilityDate: compatibilityDate(),
    bindings: { ...(upstream === undefined ? {} : { PERSONA_BASE_URL: upstream }), ...bindings },
    ...(relays === undefined ? { kvNamespaces: ["RELAYS"] } : {}),
    ...(typeof relays === "string" ? { serviceBindings: { RELAYS: { name: "stand-in", entrypoint: "StandIn" } } } : {}),
  };
  const standIn = {
    name: "stand-in",
    modules: true,
    compatibilityDate: compatibilityDate(),
    script: `import { WorkerEntrypoint } from "cloudflare:workers";
      export class StandIn extends WorkerEntrypoint { ${relays} }
      export default { fetch: () => new Response(null, { status: 404 }) };`,
  };
  const miniflare = new Miniflare({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    ...(kvPersist === undefined ? {} : { kvPersist }),
    workers: typeof relays === "string" ? [main, standIn] : [main],
    handleRuntimeStdio(stdout, stderr) {
      for (const stream of [stdout, stderr]) {
        createInterface({ input: stream }).on("line", (line) => {
          output += `${line}\n`;
          if (line.startsWith('{"level"')) lines.push(JSON.parse(line));
        });
      }
    },
  });
  const url = (await miniflare.ready).href.replace(/\/$/, "");

  return {
    url,
    port: Number(new URL(url).port),
    logs: () => [...lines],
    output: () => output,
    async log(matches) {
      const deadline = Date.now() + 10_000;
      for (;;) {
        const line = lines.find(matches);
        if (line !== undefined) return line;
        if (Date.now() > deadline) throw new Error(`no such log line; there are:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    // @ts-ignore miniflare bundles its own copy of the type
    kv: () => miniflare.getKVNamespace("RELAYS"),
    close: () => miniflare.dispose(),
  };
}

/** As it is deployed. */
function compatibilityDate() {
  return /^compatibility_date = "(.+)"$/m.exec(readFileSync(inRoot("wrangler.toml"), "utf8"))?.[1];
}
