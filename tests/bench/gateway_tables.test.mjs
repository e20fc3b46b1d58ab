// What the tables say of the gateway: the bare Worker is shown, and excuses nothing.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCENARIOS, USUAL } from '../../bench/lib/gateway.mjs';
import { gatewayDemands, gatewayTables } from '../../bench/lib/gateway_tables.mjs';

/** Results in which every request takes 1 ms, but for what `change` makes of a row. */
function resultsWith(change = (row) => row, names = Object.keys(SCENARIOS)) {
  const figures = { requests: 10, perSecond: 100, p50: 1, p99: 1, p999: 1, cpuMs: 1, cores: 1, kvMs: 0, closed: 0 };
  const rows = names.flatMap((name) => {
    const [system, mode] = name.split(' ');
    return SCENARIOS[name].flatMap((scenario) => [false, true].map((calm) => change({ system, mode, scenario, connections: USUAL, calm, ...figures })));
  });
  const growth = { memoryAtStart: 1, memoryAtRest: 1, restSeconds: 0, connections: USUAL, rows: [{ stored: 2, cpuMs: 1, latencyMs: 1, memory: 1, fillSeconds: 1, few: { stored: 1, cpuMs: 1, latencyMs: 1 }, ratio: { median: 1, q1: 1, q3: 1, samples: 1 } }] };
  return { rows, floor: { perSecond: 1, p50: 0.1, p99: 0.1, p999: 0.1 }, growth };
}

const slow = (row) => (row.mode === 'managed' && row.scenario === 'purchase' && row.calm ? { ...row, p50: row.system === 'bare' ? 2.5 : 4, p99: row.system === 'bare' ? 30 : 40 } : row);

test('beneath each row of the gateway are those of the bare Worker, in both tables', () => {
  const { calm, full } = gatewayTables(resultsWith());
  for (const table of [calm, full]) {
    const lines = table.split('\n');
    for (const [mode, scenarios] of [['pass-through', 6], ['managed', 6]]) {
      const bare = lines.flatMap((line, index) => (line.startsWith(`| bare Worker, ${mode} |`) ? [index] : []));
      assert.equal(bare.length, scenarios, mode);
      for (const index of bare) assert.equal(lines[index], lines[index - 1].replace(`| ${mode} |`, `| bare Worker, ${mode} |`));
    }
    const shared = lines.flatMap((line, index) => (line.startsWith('| bare Worker, 64 objects, managed |') ? [index] : []));
    assert.equal(shared.length, 5);
    for (const index of shared) assert.equal(lines[index], lines[index - 1].replace('| bare Worker, managed |', '| bare Worker, 64 objects, managed |'));
  }
});

test('a demand for own time names what the bare Worker takes on the same endpoint, and is not met all the same', () => {
  const [median, p99, ...rest] = gatewayDemands(resultsWith(slow));
  assert.deepEqual([median.met, p99.met], [false, false]);
  assert.equal(median.measured, '4 ms (`POST /relays/privacy-passes`, managed; the bare Worker there: 2.5 ms)');
  assert.equal(p99.measured, '40 ms (`POST /relays/privacy-passes`, managed; the bare Worker there: 30 ms)');
  for (const { measured } of rest) assert.doesNotMatch(measured, /bare/);
});

test('a slow bare Worker is no endpoint of the gateway', () => {
  const [median] = gatewayDemands(resultsWith((row) => (row.system === 'bare' ? { ...row, p50: 50 } : row)));
  assert.equal(median.met, true);
  assert.match(median.measured, /^1 ms /);
});

test('what a relay costs when many are stored is held against what it costs in the same minutes when few are', () => {
  const results = resultsWith();
  const first = { ...results.growth.rows[0], stored: 1000, cpuMs: 4 };
  results.growth.rows = [first, { ...first, stored: 100_000, cpuMs: 5.4, few: { stored: 2500, cpuMs: 5, latencyMs: 1 }, ratio: { median: 1.08, q1: 0.97, q3: 1.1, samples: 9 } }];
  const [flat] = gatewayDemands(results).slice(-1);
  assert.deepEqual([flat.what, flat.measured, flat.met], ['CPU per relay with 100,000 relays stored, against 2,500', '+8.0 %', true]);
  assert.match(gatewayTables(results).growth, /^\| 100,000 \| 5\.4 \| 5 with 2,500 \| \+8\.0 % \(−3\.0 % to \+10\.0 %\) \|/m);
  results.growth.rows[1].ratio.median = 0.885;
  assert.deepEqual(gatewayDemands(results).slice(-1).map(({ measured, met }) => [measured, met]), [['−11.5 %', false]]);
});

test('the time of KV is told, of the endpoint where it is longest', () => {
  const { calm } = gatewayTables(resultsWith((row) => ({ ...row, kvMs: { create: 0.02, redeem: 0.03, relay: 0.9 }[row.mode === 'managed' && row.system === 'relay-edge' ? row.scenario : ''] ?? 0 })));
  assert.match(calm, /at most 0\.03 ms on average \(`POST \/relays\/\{relay-token\}\/redeem`\)\.$/);
});

test('results from before there was a bare Worker have tables, too', () => {
  const before = resultsWith(slow, ['relay-edge pass-through', 'relay-edge managed', 'baseline pass-through']);
  for (const row of before.rows) delete row.kvMs;
  const { calm, full } = gatewayTables(before);
  for (const table of [calm, full]) assert.doesNotMatch(table, /bare|KV|NaN|undefined/);
  assert.equal(gatewayDemands(before)[0].measured, '4 ms (`POST /relays/privacy-passes`, managed)');
});
