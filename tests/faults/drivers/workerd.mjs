/** The gateway, as it is deployed, in workerd: KV and the ledger's Durable Objects on disk. Killed is the workerd process. */
import { execFileSync } from "node:child_process";
import path from "node:path";
import { startGateway } from "../../support/gateway.mjs";
import { sleep } from "../lib/callers.mjs";
import { deployment } from "../lib/deployment.mjs";

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
    const { bindings, headers } = deployment(secrets);
    const { gateway, pid } = await started(() =>
      startGateway({ bindings, upstream, kvPersist: path.join(directory, "kv"), durableObjectsPersist: path.join(directory, "objects") }),
    );
    return {
      url: gateway.url,
      headers,
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
