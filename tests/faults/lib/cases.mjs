/** Which cases there are, which of them run by default, and which go together. */
import { FAULTS } from "./faults.mjs";

/** @typedef {import("./run_group.mjs").Case} Case */
/** @typedef {import("./lane.mjs").Driver} Driver */

export const CALLERS = [1, 4, 20];
export const FATES = /** @type {const} */ (["survives", "killed"]);

/** For a relay; by claim type under a key of the caller's; and the redemption. */
const CALLS = /** @type {const} */ (["purchase", "keyed", "redeem"]);

/** The rows of the table. */
export const ROWS = FAULTS.flatMap((fault) =>
  fault.calls.flatMap((call) => (call === "purchase" ? CALLS.filter((of) => of !== "redeem") : [call])).flatMap((call) => FATES.filter((fate) => fate === (fault.only ?? fate)).map((fate) => ({ fault, call, fate, name: `${fault.name} / ${call} / ${fate}` }))),
);

/** Why the driver can't run the row, if it can't. @param {Driver} driver @param {Pick<Case, "call" | "fate">} row */
export function notApplicable({ available = true, keyed, kills }, { call, fate }) {
  if (available !== true) return available;
  if (call === "keyed" && !keyed) return "it takes no keys of its callers";
  return fate === "killed" && kills !== true ? kills : undefined;
}

/** @param {Driver} driver @returns {Case[]} all that the driver can run */
export function casesOf(driver) {
  return ROWS.filter((row) => notApplicable(driver, row) === undefined).flatMap(({ fault, call, fate, name }) =>
    CALLERS.map((callers) => ({ fault, call, fate, callers, name: `${driver.name} / ${name} / ${callers}` })),
  );
}

/**
 * The default run: each row with every driver, and of the caller counts one, in turn from row to row and from driver to
 * driver, purchases under a caller's key with every third; of what hangs and sticks in a driver whose time is slow, some.
 * @param {Driver} driver @param {number} position of the driver in the table
 */
export function defaultCasesOf(driver, position) {
  const chosen = casesOf(driver).filter(({ fault, call, fate, callers }) => {
    const turn = FAULTS.indexOf(fault) + FATES.indexOf(fate) + position;
    if (call === "keyed" && turn % 3 !== 0) return false;
    return CALLERS.indexOf(callers) === (call === "keyed" ? Math.floor(turn / 3) : turn + CALLS.indexOf(call)) % 3;
  });
  if (!driver.slow) return chosen;
  const slow = casesOf(driver).filter(({ fault, call, fate, callers }) => SLOW_BY_DEFAULT.some(([name, of]) => fault.name === name && fate === of) && callers !== 4 && call !== "keyed");
  return [...chosen.filter(({ fault }) => !fault.hangs && !fault.sticks), ...slow];
}

const SLOW_BY_DEFAULT = [
  ["hang after processing", "survives"],
  ["sticky 500 before processing", "killed"],
  ["sticky 500 after processing", "survives"],
  ["500 after processing, kept", "survives"],
];

/**
 * Cases that differ in their callers only share a process, and its end.
 * @param {Case[]} cases @param {Driver} driver @returns {Case[][]}
 */
export function groupsOf(cases, driver) {
  /** @type {Map<string, Case[]>} */
  const groups = new Map();
  for (const of of cases) {
    const { fault, call, fate, callers } = of;
    const alone = !driver.each || fault.at === "challenge";
    const name = [fault.name, call, fate, alone ? callers : ""].join("/");
    groups.set(name, [...(groups.get(name) ?? []), of]);
  }
  return [...groups.values()];
}

/**
 * The lanes of a driver: what waits long does not hold up the rest.
 * @param {Case[][]} groups @param {Driver} driver @returns {{ groups: Case[][], waits: boolean }[]}
 */
export function lanesOf(groups, driver) {
  const waiting = groups.filter(([{ fault }]) => driver.slow && (fault.hangs || fault.sticks));
  const rest = groups.filter((group) => !waiting.includes(group));
  return [...waiting.map((group) => ({ groups: [group], waits: true })), ...(rest.length > 0 ? [{ groups: rest, waits: false }] : [])];
}
