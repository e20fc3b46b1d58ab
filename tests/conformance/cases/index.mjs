/** All cases, written once for every runtime. */
import { anonymity } from "./anonymity.mjs";
import { claims } from "./claims.mjs";
import { durable } from "./durable.mjs";
import { errors } from "./errors.mjs";
import { fetchOption } from "./fetch_option.mjs";
import { flow } from "./flow.mjs";
import { imported } from "./imported.mjs";
import { ledger } from "./ledger.mjs";
import { lowLevel } from "./low_level.mjs";
import { parameters } from "./parameters.mjs";
import { retries } from "./retries.mjs";
import { traps } from "./traps.mjs";
import { waiting } from "./waiting.mjs";

const SUBJECTS = {
  "the import": imported,
  flows: flow,
  claims,
  "bring your own HTTP": lowLevel,
  anonymity,
  parameters,
  errors,
  retries,
  waiting,
  "the fetch option": fetchOption,
  "durable calls": durable,
  "the ledger and the stores": ledger,
  traps,
};

/**
 * @typedef {object} Context
 * @property {typeof import("relay-edge")} library
 * @property {typeof import("relay-edge/stores")} stores
 * @property {ReturnType<typeof import("../neutral/upstream.mjs").openUpstream>} upstream
 * @property {typeof import("../neutral/assert.mjs")} assert
 * @property {{ value?: unknown, error?: string }} atImport what a synchronous call came to, right after the import
 *
 * @typedef {{ subject: string, name: string, run: () => unknown, notIn?: Record<string, string> }} Case
 *   `notIn`: the runtimes (by the group of their columns) to which it does not apply, each with the reason
 */

/** @param {Context} context @returns {Case[]} */
export function cases(context) {
  return Object.entries(SUBJECTS).flatMap(([subject, define]) =>
    Object.entries(define(context)).map(([name, one]) => ({ subject, name, ...(typeof one === "function" ? { run: one } : one) })),
  );
}

/** The names of all cases, with what does not apply where; nothing is run. */
export const outline = () => cases({ library: {}, stores: {}, upstream: {}, assert: {}, atImport: {} }).map(({ notIn = {}, ...one }) => ({ ...one, notIn }));
