/** Drivers that are a process of child.mjs under some runtime. */
import { spawn } from "node:child_process";
import crypto from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { secret } from "../../support/canaries.mjs";
import { API_KEY, send } from "./callers.mjs";

const program = fileURLToPath(new URL("child.mjs", import.meta.url));
/** The folder of the library; `RELAY_EDGE_PACKAGE` puts another build under the same tests. */
const library = process.env.RELAY_EDGE_PACKAGE ?? new URL("../../../pkg/", import.meta.url).href;

/** One try waits so long for its answer, milliseconds, unless a driver says otherwise. */
const TIMEOUT_MS = 250;
/** A process that is not ready by then never will be, milliseconds. */
const START_MS = 20_000;

/**
 * @param {{ name: string, kind: string, kills: true | string, runtime?: () => { command: string[] } | { missing: string },
 *   keepsPass?: boolean, keyed?: boolean, each?: boolean, mustFail?: boolean, timeoutMs?: number }} about
 * @returns {import("./lane.mjs").Driver}
 */
export function childDriver({ name, kind, kills, runtime = () => ({ command: [process.execPath] }), keepsPass = true, keyed = keepsPass, each = true, mustFail = false, timeoutMs = TIMEOUT_MS }) {
  const tries = 2;
  /** @type {{ command: string[] } | { missing: string } | undefined} */
  let found;
  const find = () => (found ??= runtime());
  return {
    name,
    kills,
    get available() {
      const runtime = find();
      return "missing" in runtime ? runtime.missing : true;
    },
    each,
    keepsPass,
    keyed,
    tries,
    hangMs: timeoutMs + 150,
    mustFail,
    async start({ upstream, directory, secrets }) {
      const runtime = find();
      if ("missing" in runtime) throw new Error(runtime.missing);
      secrets.storeKeys ??= newStoreKey("k1");
      secrets.idempotencySecret ??= crypto.randomBytes(32).toString("hex");
      for (const [kind, value] of Object.entries(secrets)) secret(kind, value.slice(value.indexOf(":") + 1));
      const settings = { kind, upstream, directory, library, apiKey: API_KEY, timeoutMs, tries, secrets };
      const [command, ...args] = [...runtime.command, program, JSON.stringify(settings)];
      const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env: { ...process.env, NODE_TEST_CONTEXT: undefined, NODE_OPTIONS: undefined, NO_COLOR: "1" } });
      const ended = once(child, "exit");
      const url = `http://127.0.0.1:${await readyPort(child, name)}`;
      return {
        url,
        kill: async () => {
          child.kill("SIGKILL");
          await ended;
        },
        close: async () => {
          child.stdin.end();
          await ended;
        },
        shiftClock: async (seconds) => void (await send({ url }, { path: "/_clock", body: { "shift-ms": seconds * 1000 } })),
      };
    },
  };
}

/** An entry of a list of sealing keys, as in `STORE_KEYS`. @param {string} id */
export const newStoreKey = (id) => `${id}:${crypto.randomBytes(32).toString("base64")}`;

/** @param {import("node:child_process").ChildProcessByStdio<any, import("node:stream").Readable, null>} child @param {string} name */
function readyPort(child, name) {
  return new Promise((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error(`${name} did not start: ${text}`)), START_MS);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`${name} ended with ${code} before it was ready`)));
    child.stdout.on("data", (chunk) => {
      text += chunk;
      const port = /^ready (\d+)$/m.exec(text)?.[1];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(port);
    });
  });
}
