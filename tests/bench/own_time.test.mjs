// What is taken off a request's time: what the upstream was at work for it, and nothing else.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawer, claimTypeOf, laneOf, Spans } from '../../bench/gateway/lanes.mjs';
import { lengths, ownTimes } from '../../bench/lib/own_time.mjs';

function spans(...all) {
  const made = new Spans();
  for (const [lane, start, end] of all) made.add(lane, start, end);
  return made.plain();
}

test('of each request the calls of its lane are taken off, while it lasted', () => {
  const requests = spans([1, 0, 100], [2, 10, 100], [1, 120, 200], [3, 0, 5]);
  const calls = spans([1, 10, 40], [1, 50, 90], [2, 20, 99], [1, 110, 115], [1, 130, 190]);
  assert.deepEqual(lengths(requests), [100, 90, 80, 5]);
  // In the order in which they began.
  assert.deepEqual(ownTimes(requests, calls), [30, 5, 11, 20]);
});

test('calls at the same time are taken off once, and what goes on after the answer is not', () => {
  assert.deepEqual(ownTimes(spans([1, 0, 100]), spans([1, 10, 60], [1, 20, 40], [1, 50, 70], [1, 90, 130])), [30]);
});

test('a claim type, a key id and a relay token name their lane', () => {
  for (const lane of [0, 1, 16]) assert.equal(laneOf(claimTypeOf(lane)), lane);
  assert.deepEqual([laneOf('bench_7'), laneOf('relay_0a9_12'), laneOf('9f86d081884c7d659a2feaa0c55ad015')], [7, 12, 0]);
});

test('times are drawn from the whole range, and the same ones again', () => {
  const [draw, again] = [drawer([25, 75], 'x'), drawer([25, 75], 'x')];
  const drawn = Array.from({ length: 1000 }, draw);
  assert.deepEqual(drawn, Array.from({ length: 1000 }, again));
  assert.ok(Math.min(...drawn) >= 25 && Math.min(...drawn) < 26 && Math.max(...drawn) < 75 && Math.max(...drawn) > 74);
});
