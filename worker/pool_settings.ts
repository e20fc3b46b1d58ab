/** `PASS_POOL`, parsed: how many passes are bought ahead. Its meaning: docs/deploying.md, "Passes bought ahead". */
import { memberNames } from "./json_members.js";
import { Mend } from "./settings.js";

/** How many passes of each claim type are to be ready. 0: what there is is used up, and nothing is bought. */
export type PoolSizes = ReadonlyMap<string, number>;

/** Of one claim type. */
export const LARGEST_POOL = 1000;

export const MOST_POOLS = 16;

/** A JSON object, a number by claim type. @throws Mend */
export function parsePassPool(value: string): PoolSizes {
  let sizes: unknown;
  try {
    sizes = JSON.parse(value);
  } catch {
    throw new Mend(`is not JSON: ${EXPECTED}`);
  }
  if (typeof sizes !== "object" || sizes === null || Array.isArray(sizes)) throw new Mend(`is not a JSON object: ${EXPECTED}`);
  const names = memberNames(value);
  if (names.length === 0) throw new Mend("names no claim type: add one, or remove it");
  if (names.length > MOST_POOLS) throw new Mend(`must have at most ${MOST_POOLS} claim types`);
  names.forEach((name, index) => {
    if (!CLAIM_TYPE.test(name)) throw new Mend(`member ${index + 1}: the claim type must be 1 to 128 of A-Z a-z 0-9 _ -`);
    if (names.indexOf(name) < index) throw new Mend(`member ${name} is there twice: leave one of them`);
  });
  return new Map(Object.entries(sizes).map(([name, size]) => {
    if (!Number.isInteger(size) || size < 0 || size > LARGEST_POOL) throw new Mend(`member ${name} must be a whole number from 0 to ${LARGEST_POOL}`);
    return [name, Number(size)]; // no -0
  }));
}

const EXPECTED = 'it must be one of claim types and numbers, such as {"age_over18_germany": 20}';

/** As the SDK and worker/openapi.ts have it. */
const CLAIM_TYPE = /^[A-Za-z0-9_-]{1,128}$/;
