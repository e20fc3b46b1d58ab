// What the load and the upstream of the gateway's benchmark agree on. A *lane* is a connection whose calls the upstream can tell
// from those of the others, so that each request has its own upstream time taken off, and not what requests took on average: the
// claim type names it, and the upstream's key id and relay tokens repeat it. Lane 0 is everybody's.

import crypto from 'node:crypto';

const CLAIM_TYPE = 'age_over18_germany';

/** @param {number} lane */
export const claimTypeOf = (lane) => (lane === 0 ? CLAIM_TYPE : `${CLAIM_TYPE}_${lane}`);

/** The lane that a claim type, key id or relay token ends with. @param {string} text */
export const laneOf = (text) => Number(/_(\d+)$/.exec(text)?.[1] ?? 0);

/** Milliseconds on a clock that all processes of a machine share. */
export const clockMs = () => Number(process.hrtime.bigint()) / 1e6;

/**
 * Draws from a range, each value as likely as the others, and the same ones in every run.
 *
 * @param {[number, number]} range @param {string} seed
 */
export function drawer([from, to], seed) {
  let drawn = 0;
  return () => {
    const share = crypto.createHash('sha256').update(`${seed}/${drawn++}`).digest().readUIntBE(0, 6) / 2 ** 48;
    return from + (to - from) * share;
  };
}

/** Spans of time, one per call: where they began and ended, and in which lane. */
export class Spans {
  lanes = [];
  starts = [];
  ends = [];

  add(lane, start, end) {
    this.lanes.push(lane);
    this.starts.push(start);
    this.ends.push(end);
  }

  /** As they cross between processes. */
  plain() {
    return { lanes: Uint16Array.from(this.lanes), starts: Float64Array.from(this.starts), ends: Float64Array.from(this.ends) };
  }
}
