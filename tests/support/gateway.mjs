/**
 * The gateway as it is deployed: the bundle of `wrangler deploy --dry-run` in a real workerd with a real KV
 * and real Durable Objects, behind a real socket. The bundle has to be there: `npm test` and `npm run build` make it.
 */
import { createHmac } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Miniflare } from "miniflare";
import { inRoot } from "../../scripts/lib/program.mjs";
import { workerModules } from "../../scripts/lib/worker_bundle.mjs";
import { mustBeSilent, secretsOf } from "./canaries.mjs";
import { egressWorker } from "./egress_worker.mjs";
import { startHost } from "./hosts.mjs";

/** Where {@link startGateway} runs the gateway: tests/hosts/ has the same tests run elsewhere. Set before it is imported. */
export const platform = /** @type {"workerd" | import("./hosts.mjs").Host} */ (process.env.RELAY_EDGE_PLATFORM ?? "workerd");

/** A test that looks into KV or calls an object, which can be done from outside in workerd only. */
export const testInWorkerd = platform === "workerd" ? test : () => {};

/**
 * @typedef {object} GatewayOptions
 * @property {Record<string, unknown>} [bindings] variables and secrets. Default: none, which is pass-through mode
 * @property {string} [upstream] becomes `PERSONA_BASE_URL`
 * @property {string} [kvPersist] a directory that outlives the gateway. Default: the KV is gone with it
 * @property {string} [durableObjectsPersist] the same for the ledger
 * @property {false | "aging"} [ledger] `false`: no `LEDGER` binding. `"aging"`: with a clock that can be set, see `age`
 * @property {string | false} [limits] `false`: no `LIMITS` binding. A string: the source of a class body that stands in for the
 *   object that counts purchases. Default: the real one
 * @property {number} [requestsPerMinute] Default: no limit
 * @property {BoundWorker[]} [bound] Workers of the same account that call it. Default: none
 * @property {false} [issuerKeys] no `ISSUER_KEYS` binding
 * @property {string | false} [pool] `false`: no `POOL` binding. A string: the source of methods that stand before those of the
 *   object that keeps the passes bought ahead, which are `super`'s. Default: the real one
 * @property {string | false} [relays] `false`: no `RELAYS` binding. A string: the source of a class body that stands in for
 *   the KV, with `get` and `put`. Default: a real KV
 * @property {string} [zone] what `CF-Worker` names on what it sends
 * @property {string | { zone?: string, upstream?: string }} [egress] binds `EGRESS`: to a Worker of egress/ beside it, or to
 *   the one at this address
 * @property {{ script: string, bindings: Record<string, string> }} [tail] a Worker that gets the events of this one
 */

/** @typedef {{ script: string, props?: any }} BoundWorker a module, whose `env.GATEWAY` is the entrypoint `RelayGateway` with these `props` */

/**
 * @typedef {object} Gateway
 * @property {string} url without a slash at its end
 * @property {number} port
 * @property {() => Record<string, unknown>[]} logs the JSON lines so far
 * @property {() => string} output all that workerd wrote, as it is
 * @property {(matches: (line: Record<string, any>) => boolean) => Promise<Record<string, any>>} log waits for a line
 * @property {() => Promise<import("@cloudflare/workers-types").KVNamespace>} kv the namespace behind `RELAYS`
 * @property {(relay: { token: string, secret: string }, ms: number) => Promise<{ rows: string[], alarm: number | null }>} age
 *   with `ledger: "aging"`: lets so much time pass, sets off the alarm of a relay's object, and tells what is left: its
 *   tables' rows, and in how many milliseconds it wakes up again
 * @property {(relay: { token: string, secret: string }) => Promise<void>} reset with `ledger: "aging"`: ends the object of a
 *   relay with all that is under way in it
 * @property {() => Promise<void>} cron sets off the cron trigger, and waits for its end
 * @property {(index: number, url: string, init?: object) => Promise<Response>} bound sends a request to one of the options' Workers
 * @property {(name: string) => Promise<any>} object an object of the ledger, to be called as the Worker calls it
 * @property {() => Promise<void>} close stops workerd at once, with `SIGKILL`: what was not durable is gone. Throws when the
 *   log, or what was stored, holds a secret (canaries.mjs)
 */

/** @param {GatewayOptions} [options] @returns {Promise<Gateway>} */
export async function startGateway(options = {}) {
  if (platform === "workerd") return startWorkerd(options);
  // @ts-ignore what is missing of a gateway looks into KV and Durable Objects, which there are not
  return startHost(platform, options);
}

/** @param {GatewayOptions} options @returns {Promise<Gateway>} */
async function startWorkerd({ bindings = {}, upstream, kvPersist, durableObjectsPersist, relays, ledger, limits, requestsPerMinute, bound = [], zone, egress, issuerKeys, pool, tail }) {
  secretsOf(bindings);
  // Of its own unless it is to outlive the gateway, so that it can be searched.
  const own = mkdtempSync(path.join(tmpdir(), "relay-edge-gateway-"));
  const folders = { kvPersist: kvPersist ?? path.join(own, "kv"), durableObjectsPersist: durableObjectsPersist ?? path.join(own, "objects") };
  for (const folder of Object.values(folders)) mkdirSync(folder, { recursive: true });
  let output = "";
  /** @type {Record<string, unknown>[]} */
  const lines = [];
  const wrapped = (ledger === "aging" ? AGING : "") + (typeof limits === "string" ? `export class OwnLimits extends DurableObject { ${limits} }` : "")
    + (typeof pool === "string" ? `export class PassPool extends RealPool { ${pool} }` : "");
  const main = {
    name: "gateway",
    modules: wrapped === "" ? workerModules() : [{ type: "ESModule", path: inRoot("build/worker/wrapped.js"), contents: `${WRAPPED}${wrapped}` }, ...workerModules()],
    modulesRoot: inRoot("build/worker"),
    compatibilityDate: compatibilityDate(),
    bindings: { ...(upstream === undefined ? {} : { PERSONA_BASE_URL: upstream }), ...bindings },
    durableObjects: {
      ...(ledger === false ? {} : { LEDGER: { className: ledger === "aging" ? "AgingLedger" : "RelayLedger", useSQLite: true } }),
      ...(limits === false ? {} : { LIMITS: { className: typeof limits === "string" ? "OwnLimits" : "CallerLimits", useSQLite: true } }),
      ...(pool === false ? {} : { POOL: { className: "PassPool", useSQLite: true } }),
      ...(issuerKeys === false ? {} : { ISSUER_KEYS: { className: "IssuerKeys", useSQLite: true } }),
    },
    ...(requestsPerMinute === undefined ? {} : { ratelimits: { REQUESTS: { simple: { limit: requestsPerMinute, period: 60 } } } }),
    ...(relays === undefined ? { kvNamespaces: ["RELAYS"] } : {}),
    serviceBindings: {
      ...(typeof relays === "string" && { RELAYS: { name: "stand-in", entrypoint: "StandIn" } }),
      ...(egress !== undefined && { EGRESS: typeof egress === "string" ? { external: { address: egress, http: {} } } : "outbound" }),
    },
    ...(zone === undefined ? {} : { zone }),
    ...(tail === undefined ? {} : { tails: ["log-keeper"] }),
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
    ...folders,
    workers: [
      main,
      ...(typeof relays === "string" ? [standIn] : []),
      ...(typeof egress === "object" ? [egressWorker(egress)] : []),
      ...bound.map(boundWorker),
      ...(tail === undefined ? [] : [{ name: "log-keeper", modules: true, compatibilityDate: compatibilityDate(), ...tail }]),
    ],
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
    async age(relay, ms) {
      const response = await (await object(miniflare, relayName(relay))).fetch(`http://ledger/${ms}`);
      return /** @type {any} */ (response.json());
    },
    async reset(relay) {
      await (await object(miniflare, relayName(relay))).fetch("http://ledger/reset").catch(() => undefined);
    },
    async bound(index, url, init) {
      const { name } = boundWorker(bound[index] ?? { script: "" }, index);
      return /** @type {any} */ ((await miniflare.getWorker(name)).fetch(url, init));
    },
    async cron() {
      await (await miniflare.getWorker("gateway")).scheduled({ cron: "23 * * * *" });
    },
    object: (name) => object(miniflare, name),
    async close() {
      await miniflare.dispose();
      try {
        mustBeSilent({ output, folders: Object.values(folders) });
      } finally {
        rmSync(own, { recursive: true, force: true });
      }
    },
  };
}

/** A Worker with a service binding to the gateway. @param {BoundWorker} worker @param {number} index */
function boundWorker({ script, props }, index) {
  const gateway = { name: "gateway", entrypoint: "RelayGateway", ...(props !== undefined && { props }) };
  return { name: `bound-${index}`, modules: true, compatibilityDate: compatibilityDate(), serviceBindings: { GATEWAY: gateway }, script };
}

/** The name of a relay's object. @param {{ token: string, secret: string }} relay */
const relayName = ({ token, secret }) => `relay:${createHmac("sha256", secret).update(`ledger\0${token}`).digest("hex")}`;

/** @param {Miniflare} miniflare @param {string} name @returns {Promise<any>} */
async function object(miniflare, name) {
  const namespace = await miniflare.getDurableObjectNamespace("LEDGER");
  return namespace.get(namespace.idFromName(name));
}

/** A module around the Worker's, which adds classes to it. */
const WRAPPED = `
  import { DurableObject } from "cloudflare:workers";
  import { PassPool as RealPool, RelayLedger } from "./index.js";
  export * from "./index.js";
  export { default } from "./index.js";`;

/** A clock that can be set, for Worker, objects and SDK alike; the runtime itself has another, so alarms are set off by hand. */
const AGING = `  const now = Date.now;
  let ahead = 0;
  Date.now = () => now() + ahead;
  export class AgingLedger extends RelayLedger {
    async fetch(request) {
      const what = new URL(request.url).pathname.slice(1);
      if (what === "reset") this.ctx.abort("as a deployment does");
      ahead += Number(what);
      await this.alarm();
      const { sql } = this.ctx.storage;
      const tables = sql.exec("SELECT name FROM sqlite_master WHERE name IN ('subject', 'records', 'flags')").toArray();
      const rows = tables.flatMap(({ name }) => sql.exec("SELECT * FROM " + name).toArray().map((row) => name + " " + (row.name ?? row.kind)));
      const alarm = await this.ctx.storage.getAlarm();
      return Response.json({ rows: rows.sort(), alarm: alarm === null ? null : alarm - Date.now() });
    }
  }`;

/** As it is deployed. */
function compatibilityDate() {
  return /^compatibility_date = "(.+)"$/m.exec(readFileSync(inRoot("wrangler.toml"), "utf8"))?.[1];
}
