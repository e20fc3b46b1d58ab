/**
 * The gateway outside Cloudflare: the files of examples/gateway/ as a user runs them, in a process of their own on a real
 * socket. The package has to be there: `npm test` and `npm run build` make it.
 */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { EXAMPLES, spawnExample } from "../../scripts/lib/example.mjs";
import { mustBeSilent, secretsOf } from "./canaries.mjs";

/** @typedef {keyof typeof EXAMPLES} Host */

/**
 * @typedef {object} HostProcess
 * @property {string} url without a slash at its end
 * @property {number} port
 * @property {number} pid
 * @property {() => Record<string, unknown>[]} logs the JSON lines so far
 * @property {() => string} output all that the process wrote, as it is
 * @property {(matches: (line: Record<string, any>) => boolean) => Promise<Record<string, any>>} log waits for a line
 * @property {() => Promise<number | null>} stop SIGTERM; the exit code
 * @property {() => Promise<void>} close stops the process at once, with `SIGKILL`. Both throw when the log, or the database,
 *   holds a secret (canaries.mjs)
 */

/**
 * @param {Host} host
 * @param {object} [options]
 * @param {Record<string, unknown>} [options.bindings] variables and secrets
 * @param {string} [options.upstream] becomes `PERSONA_BASE_URL`
 * @param {number} [options.requestsPerMinute]
 * @param {string} [options.durableObjectsPersist] the folder of a database that outlives the process
 * @param {string} [options.kvPersist] not used: all is in the database
 * @param {string} [options.file] run instead of the example: see `exampleProject`
 * @returns {Promise<HostProcess>}
 * @throws HostFailed when it ends instead of serving
 */
export async function startHost(host, { bindings = {}, upstream, durableObjectsPersist, requestsPerMinute, file } = {}) {
  const own = durableObjectsPersist === undefined ? mkdtempSync(path.join(os.tmpdir(), "relay-edge-host-")) : undefined;
  const folder = durableObjectsPersist ?? own ?? "";
  const database = path.join(folder, "relay-edge.db");
  secretsOf(bindings);
  const child = spawnExample(host, {
    env: { ...(upstream !== undefined && { PERSONA_BASE_URL: upstream }), ...(requestsPerMinute !== undefined && { REQUESTS_PER_MINUTE: requestsPerMinute }), ...bindings, DATABASE: database, PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    ...(file === undefined ? {} : { file }),
  });
  const exited = once(child, "exit");
  const search = () => {
    try {
      mustBeSilent({ output, folders: [folder] });
    } finally {
      if (own !== undefined) rmSync(own, { recursive: true, force: true });
    }
  };
  let output = "";
  /** @type {Record<string, unknown>[]} */
  const lines = [];
  let isReady = (/** @type {string} */ _url) => {};
  const ready = new Promise((resolve) => (isReady = resolve));
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      output += `${line}\n`;
      if (line.startsWith('{"level"')) lines.push(JSON.parse(line));
      const [, url] = /^ready (http:\S+)$/.exec(line) ?? [];
      if (url !== undefined) isReady(url);
    });
  }
  const url = await Promise.race([ready, exited]);
  if (typeof url !== "string") {
    await Promise.all([child.stdout, child.stderr].filter((stream) => !stream.closed).map((stream) => once(stream, "close")));
    search();
    throw new HostFailed(url[0], output);
  }

  return {
    url,
    port: Number(new URL(url).port),
    pid: child.pid ?? 0,
    logs: () => [...lines],
    output: () => output,
    async log(matches) {
      for (const deadline = Date.now() + 10_000; ; ) {
        const line = lines.find(matches);
        if (line !== undefined) return line;
        if (Date.now() > deadline) throw new Error(`no such log line; there are:\n${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    async stop() {
      child.kill("SIGTERM");
      const [code] = await exited;
      search();
      return code;
    },
    async close() {
      child.kill("SIGKILL");
      await exited;
      search();
    },
  };
}

/** The process ended before it served. */
export class HostFailed extends Error {
  /** @param {number | null} code @param {string} output */
  constructor(code, output) {
    super(`the process ended with ${code}: ${output}`);
    this.code = code;
    this.output = output;
  }
}
