/** Runs cases by name, in whatever runtime this is. Opened at module scope, as the first thing after the import. */
import * as assert from "./assert.mjs";
import { openUpstream } from "./upstream.mjs";
import { cases } from "../cases/index.mjs";

/** A case that takes so long hangs, unless the runner says otherwise. */
const CASE_LIMIT_MS = 60_000;

/**
 * @typedef {{ name: string, status: "ok" | "n/a" | "FAIL", ms: number, detail?: string }} Outcome
 *   `detail`: the reason of an n/a, or what failed
 */

/** @param {{ library: typeof import("relay-edge"), stores: typeof import("relay-edge/stores") }} imported */
export function openSuite({ library, stores }) {
  const atImport = attempt(() => library.parseClaim('{"claim_type":"t","claim_result":"passed"}').passed);
  const strays = [];
  globalThis.addEventListener?.("unhandledrejection", (event) => strays.push(event.reason));

  /** @param {string} name @param {{ url: string, runtime: string, limitMs?: number }} where @returns {Promise<Outcome>} */
  async function run(name, { url, runtime, limitMs = CASE_LIMIT_MS }) {
    const start = Date.now();
    const end = (status, detail) => ({ name, status, ms: Date.now() - start, ...(detail === undefined ? {} : { detail }) });
    let timer;
    try {
      const upstream = openUpstream(url);
      const found = cases({ library, stores, upstream, assert, atImport }).find((one) => one.name === name);
      if (found === undefined) throw new Error(`there is no case ${name}`);
      const reason = found.notIn?.[runtime];
      if (reason !== undefined) return end("n/a", reason);
      await upstream.reset();
      const limit = new Promise((_, reject) => (timer = setTimeout(() => reject(new Error(`it hangs: no end after ${limitMs} ms`)), limitMs)));
      await Promise.race([found.run(), limit]);
      if (strays.length > 0) throw strays[0];
      return end("ok");
    } catch (error) {
      return end("FAIL", describe(error));
    } finally {
      clearTimeout(timer);
      strays.length = 0;
    }
  }
  return { run };
}

function attempt(work) {
  try {
    return { value: work() };
  } catch (error) {
    return { error: describe(error) };
  }
}

function describe(error) {
  const stack = String(error?.stack ?? "");
  const head = `${error?.name}: ${error?.message}`;
  return stack.includes(String(error?.message)) ? stack : `${head}\n${stack}`;
}
