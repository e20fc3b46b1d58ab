/** The gateway, as it is deployed, in workerd: KV and the ledger's Durable Objects on disk. Killed is the workerd process. */
import { execFileSync } from "node:child_process";
import crypto from "node:crypto";
import path from "node:path";
import { startGateway } from "../../support/gateway.mjs";
import { API_KEY, EMPTY_POOLS, sleep } from "../lib/callers.mjs";
import { newStoreKey } from "../lib/child_driver.mjs";

/** @type {import("../lib/lane.mjs").Driver} */
export const workerd = {
  name: "workerd",
  kills: true,
  each: true,
  keepsPass: true,
  keyed: true,
  // What the SDK does in the gateway, whose settings are fixed: 4 tries of 10 s.
  tries: 4,
  hangMs: 10_500,
  slow: true,
  async start({ upstream, directory, secrets }) {
    secrets.token ??= crypto.randomBytes(32).toString("base64url");
    secrets.storeKeys ??= newStoreKey("k1");
    const bindings = {
      PERSONA_API_KEY: API_KEY,
      GATEWAY_TOKENS: `shop:${secrets.token}`,
      STORE_KEYS: secrets.storeKeys,
      // Out of reach: that purchases are counted must cost neither a pass nor a claim.
      PURCHASES_PER_DAY: "999999",
      // An empty one, which every purchase asks first: that must cost nothing either.
      PASS_POOL: EMPTY_POOLS,
      // These faults rotate keys within minutes; who is then refused is for tests/worker/issuer_keys.test.mjs.
      PERMISSIVE_ISSUER_KEYS: "true",
      ...(secrets.idempotencyKeys === undefined ? {} : { IDEMPOTENCY_KEYS: secrets.idempotencyKeys }),
    };
    const { gateway, pid } = await started(() =>
      startGateway({ bindings, upstream, kvPersist: path.join(directory, "kv"), durableObjectsPersist: path.join(directory, "objects") }),
    );
    return {
      url: gateway.url,
      headers: { authorization: `Bearer ${secrets.token}` },
      logs: gateway.logs,
      async kill() {
        process.kill(pid, "SIGKILL");
        while (isRunning(pid)) await sleep(5);
        await gateway.close();
      },
      close: gateway.close,
    };
  },
};

/** One start at a time, so that the new process can be told from the others. @type {Promise<unknown>} */
let starting = Promise.resolve();

/** @param {() => Promise<import("../../support/gateway.mjs").Gateway>} start */
function started(start) {
  const result = starting.then(async () => {
    const before = workerds();
    const gateway = await start();
    const [pid, ...more] = workerds().filter((pid) => !before.includes(pid));
    if (pid === undefined || more.length > 0) throw new Error("the new workerd can't be told from the others");
    return { gateway, pid };
  });
  starting = result.catch(() => {});
  return result;
}

/** The processes of workerd that this process has started. */
function workerds() {
  const lines = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat=,comm="], { encoding: "utf8" }).split("\n");
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, parent, state, command]) => Number(parent) === process.pid && !state?.startsWith("Z") && path.basename(command ?? "").startsWith("workerd"))
    .map(([pid]) => Number(pid));
}

/** @param {number} pid */
function isRunning(pid) {
  return workerds().includes(pid);
}
