// What of a request's time was the gateway's own.

/**
 * The time of each request, less that in which the upstream was at work for it: for the lane of the request, while it lasted. A
 * lane has one request at a time.
 *
 * @param {{ lanes: Uint16Array, starts: Float64Array, ends: Float64Array }} requests
 * @param {{ lanes: Uint16Array, starts: Float64Array, ends: Float64Array }} calls of the upstream, on the same clock
 * @returns {number[]} milliseconds
 */
export function ownTimes(requests, calls) {
  const byLane = new Map();
  for (const call of inOrder(calls)) {
    if (byLane.has(call.lane)) byLane.get(call.lane).push(call);
    else byLane.set(call.lane, [call]);
  }
  const passed = new Map();
  return inOrder(requests).map(({ lane, start, end }) => {
    const theirs = byLane.get(lane) ?? [];
    let at = passed.get(lane) ?? 0;
    let covered = start;
    let own = end - start;
    for (; at < theirs.length && theirs[at].start < end; at += 1) {
      const from = Math.max(theirs[at].start, covered); // two calls at once are counted once
      const to = Math.min(theirs[at].end, end);
      if (to <= from) continue;
      own -= to - from;
      covered = to;
    }
    passed.set(lane, at);
    return own;
  });
}

/** @param {{ starts: Float64Array, ends: Float64Array }} spans */
export function lengths({ starts, ends }) {
  return Array.from(starts, (start, index) => ends[index] - start);
}

function inOrder({ lanes, starts, ends }) {
  return Array.from(starts, (start, index) => ({ lane: lanes[index], start, end: ends[index] })).sort((a, b) => a.start - b.start);
}
