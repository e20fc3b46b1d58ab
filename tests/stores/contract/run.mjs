/**
 * Holds one kind of store against the contract, under whichever runtime this is started with. The task, in JSON, is the
 * argument: `{ kind, simulator, folder, only? }`. Prints a line of JSON for each case, and `{ "done": … }` at the end.
 */
import { mkdtempSync } from "node:fs";
import path from "node:path";
import { driverCases } from "./driver_cases.mjs";
import { kinds } from "./kinds.mjs";
import { startProcess } from "./process.mjs";
import { storeCases } from "./store_cases.mjs";

/** For one case. */
const LIMIT_MS = 60_000;

/**
 * @typedef {object} Bench what a case works with
 * @property {{ durable: boolean, sqlite?: boolean, sealed?: boolean }} kind
 * @property {string} folder of the case's own
 * @property {() => Promise<import("./kinds.mjs").Opened>} open the store of the folder; another handle each time
 * @property {(task: Record<string, unknown>) => ReturnType<typeof startProcess>} start another process on that store
 * @property {ReturnType<typeof controls>} simulator
 */

const task = JSON.parse(process.argv[2]);
const kind = kinds[task.kind];
const print = (value) => new Promise((resolve) => process.stdout.write(`${JSON.stringify(value)}\n`, resolve));

// A case that failed may leave calls behind, and stores that are broken on purpose do: what becomes of them then is nobody's.
process.on("unhandledRejection", () => {});
globalThis.addEventListener?.("unhandledrejection", (event) => event.preventDefault());

let count = 0;
for (const one of [...storeCases, ...driverCases]) {
  if (!one.for({ ...kind, broken: task.kind.startsWith("broken") })) continue;
  if (task.only !== undefined && !task.only.includes(one.name)) continue;
  count += 1;
  const begun = Date.now();
  const error = await runCase(one);
  await print({ name: one.name, ms: Date.now() - begun, ...(error !== undefined && { error: String(error?.stack ?? error) }) });
}
await print({ done: count });
process.exit(0);

async function runCase(one) {
  const folder = mkdtempSync(path.join(task.folder, "case-"));
  const opened = [];
  const processes = [];
  const simulator = controls(task.simulator);
  let timer;
  try {
    await simulator.reset();
    const bench = {
      kind,
      folder,
      simulator,
      async open() {
        const store = await kind.open(folder);
        opened.push(store);
        return store;
      },
      start(its) {
        const process_ = startProcess({ kind: task.kind, folder, ...its });
        processes.push(process_);
        return process_;
      },
    };
    const limit = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error(`it took more than ${LIMIT_MS} ms`)), LIMIT_MS);
    });
    await Promise.race([one.run(bench), limit]);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    clearTimeout(timer);
    await Promise.all(processes.map((each) => each.kill()));
    for (const { close } of opened) {
      try {
        close();
      } catch {
        // The case has closed it.
      }
    }
  }
}

/** The simulator's control endpoints. */
function controls(url) {
  const send = async (method, route, body) => {
    const answer = await fetch(`${url}/_simulator/${route}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    const result = await answer.json();
    if (!answer.ok) throw new Error(`${route}: ${JSON.stringify(result)}`);
    return result;
  };
  return {
    url,
    reset: () => send("POST", "reset", {}),
    faults: (rules, seed) => send("POST", "faults", { rules, ...(seed !== undefined && { seed }) }),
    async processed(call) {
      const { processed } = await send("GET", `faults/processed?call=${call}&timeout-ms=30000`);
      if (processed === null) throw new Error(`no ${call} was processed and held`);
      return processed;
    },
    release: (which = {}) => send("POST", "faults/release", which),
    ledger: () => send("GET", "ledger"),
    async requests() {
      const { requests } = await send("GET", "requests");
      return requests;
    },
    complete: (relayToken, result) => send("POST", `relays/${relayToken}/complete`, { result }),
  };
}
