/** A lane: one driver's process with a simulator and a state of its own. Cases run in it one after the other. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startSimulator } from "../../../simulator/index.mjs";
import { mustBeSilent } from "../../support/canaries.mjs";
import { sleep } from "./callers.mjs";

/**
 * @typedef {object} Host a running process
 * @property {string} url where it speaks the gateway contract
 * @property {Record<string, string>} [headers] that every caller sends
 * @property {() => Promise<void>} kill SIGKILL, and waits until it is gone
 * @property {() => Promise<void>} close
 * @property {(seconds: number) => Promise<void>} [shiftClock] moves its clock on; without it time has to pass
 *
 * @typedef {object} Driver
 * @property {string} name
 * @property {true | string} kills whether the process can be killed and started again on its state, or why not
 * @property {true | string} [available] or why it can't run here
 * @property {boolean} each whether it has one idempotency key for all of a relay's tries
 * @property {boolean} keyed whether it takes keys of its callers for purchases by claim type
 * @property {boolean} keepsPass whether it knows the pass that it bought for a relay
 * @property {number} tries that one call makes
 * @property {number} hangMs longer than one try waits
 * @property {boolean} [slow] whether time passes slowly in it: what hangs and what sticks gets lanes of its own
 * @property {boolean} [mustFail] it is made to violate everything
 * @property {(around: { upstream: string, directory: string, secrets: Record<string, string> }) => Promise<Host>} start
 *   on what is in the directory; `secrets` is the same object for each start of a lane
 *
 * @typedef {object} Lane
 * @property {Driver} driver
 * @property {import("../../../simulator/index.mjs").Simulator} simulator
 * @property {Host} host
 * @property {Record<string, string>} secrets to be changed by a test that rotates keys, before a restart
 * @property {() => Promise<void>} restart after a kill, on the same state
 * @property {(seconds: number) => Promise<void>} passTime
 * @property {() => Promise<void>} close
 */

/** In memory where that can be: what a killed process has written is there all the same, and most of a run would be fsync. */
const SCRATCH = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/**
 * @param {Driver} driver @param {import("../../../simulator/index.mjs").Options} [options]
 * @param {Record<string, string>} [secrets] what is missing of them the driver makes up
 * @returns {Promise<Lane>}
 */
export async function openLane(driver, options = {}, secrets = {}) {
  const simulator = await startSimulator({ recordedRequests: 50, ...options });
  const directory = mkdtempSync(path.join(SCRATCH, `relay-edge-faults-${driver.name}-`));
  const start = () => driver.start({ upstream: simulator.url, directory, secrets });
  let shifted = 0;
  const lane = {
    driver,
    simulator,
    secrets,
    host: await start(),
    async restart() {
      lane.host = await start();
      if (shifted > 0) await lane.host.shiftClock?.(shifted);
    },
    async passTime(/** @type {number} */ seconds) {
      shifted += seconds;
      if (lane.host.shiftClock) await lane.host.shiftClock(seconds);
      else await sleep(seconds * 1000);
    },
    async close() {
      await lane.host.close();
      await simulator.close();
      if (!driver.mustFail) mustBeSilent({ folders: [directory] });
      rmSync(directory, { recursive: true, force: true });
    },
  };
  return lane;
}
