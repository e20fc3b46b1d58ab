/** Two processes with a RelayLedger each over one SQLite file; callers call them in turn. Killed are both. */
import { findRuntime } from "../../../scripts/lib/runtimes.mjs";
import { childDriver } from "../lib/child_driver.mjs";

const one = childDriver({ name: "sqlite-pair", kind: "sqlite", kills: true, runtime: () => findRuntime("node") });

/** @type {import("../lib/lane.mjs").Driver} */
export const sqlitePair = Object.defineProperties({}, {
  ...Object.getOwnPropertyDescriptors(one),
  start: {
    enumerable: true,
    /** @type {import("../lib/lane.mjs").Driver["start"]} */
    async value(around) {
      const pair = [await one.start(around), await one.start(around)];
      const both = (/** @type {"kill" | "close"} */ what) => async () => void (await Promise.all(pair.map((host) => host[what]())));
      let turn = 0;
      return {
        get url() {
          return pair[turn++ % pair.length].url;
        },
        kill: both("kill"),
        close: both("close"),
        shiftClock: async (/** @type {number} */ seconds) => void (await Promise.all(pair.map((host) => host.shiftClock?.(seconds)))),
      };
    },
  },
});
