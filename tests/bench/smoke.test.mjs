// Both benchmarks run from end to end, and their results have every row. How fast anything is, no test asserts: other things run
// on the same machine.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startUpstream } from '../../bench/gateway/processes.mjs';
import { SIZES } from '../../bench/lib/crypto.mjs';
import { cryptoDemands, cryptoTables } from '../../bench/lib/crypto_tables.mjs';
import { SCENARIOS } from '../../bench/lib/gateway.mjs';
import { gatewayDemands, gatewayTables } from '../../bench/lib/gateway_tables.mjs';
import { IDS } from '../../bench/lib/names.mjs';
import { STEPS } from '../../bench/lib/steps.mjs';
import { npm, temporaryFolder } from '../commands/support/commands.mjs';
import { callsOf } from './support/calls.mjs';

const LINUX = process.platform === 'linux' ? false : 'it reads /proc';

/** Runs a benchmark and reads what it left. */
async function results(t, script, name) {
  const folder = temporaryFolder(t);
  const { code, stdout, stderr } = await npm(script, ['--quick', '--out', folder], { seconds: 300 });
  assert.equal(code, 0, stderr);
  return { stdout, results: JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) };
}

/** Every cell that a table has a number in has one. */
function assertNumbers(tables) {
  for (const [name, text] of Object.entries(tables)) assert.doesNotMatch(text, /NaN|undefined|Infinity/, name);
}

test('npm run bench -- --quick times every operation of everybody', async (t) => {
  const { stdout, results: measured } = await results(t, 'bench', 'crypto');
  const runtimes = ['workerd', 'node'];
  const wanted = [
    ...runtimes.flatMap((runtime) => [
      ...SIZES.flatMap((bits) => [
        ...IDS.flatMap((id) => ['blind', 'finalize'].map((op) => [runtime, id, op, bits])),
        ...['verify', 'private'].map((op) => [runtime, 'webcrypto', op, bits]),
      ]),
      ...IDS.flatMap((id) => ['issuePrivacyPass', 'generateClaim'].map((op) => [runtime, id, op, 2048])),
      ...['relay-edge', 'untuned-wasm'].map((id) => [runtime, id, 'instantiate', undefined]),
    ]),
    ...SIZES.flatMap((bits) => [['native', 'native', 'blind', bits], ['native', 'native', 'finalize', bits], ['native', 'openssl', 'verify', bits], ['native', 'openssl', 'private', bits]]),
    ...Object.entries(STEPS).flatMap(([step, { inJavaScript }]) => ['workerd', ...(inJavaScript ? [] : ['native'])].map((runtime) => [runtime, step, 'step', 2048])),
  ];
  const found = measured.rows.map(({ runtime, id, op, bits }) => [runtime, id, op, bits]);
  assert.deepEqual(found.map(String).sort(), wanted.map(String).sort());
  for (const row of measured.rows) assert.ok(row.samples === 3 && row.q1 <= row.median && row.median <= row.q3, JSON.stringify(row));
  const first = measured.fresh.map(({ runtime, id, op }) => `${runtime} ${id} ${op}`);
  for (const runtime of runtimes) for (const id of IDS) for (const op of ['blind', 'finalize', 'pass']) assert.ok(first.includes(`${runtime} ${id} ${op}`));

  assert.ok(measured.profile.functions.some(({ crate }) => crate === 'relay_edge'), 'the functions of the module have names');
  const shares = measured.profile.crates.reduce((sum, { share }) => sum + share, 0);
  assert.ok(shares > 0.95 && shares < 1.01, `the crates have ${shares} of the time`);

  assertNumbers(cryptoTables(measured));
  assert.equal(stdout.match(/^(?:met|NOT MET) /gm)?.length, cryptoDemands(measured).length);
});

test('npm run bench:gateway -- --quick puts load on every endpoint', { skip: LINUX }, async (t) => {
  const { stdout, results: measured } = await results(t, 'bench:gateway', 'gateway');
  const loadsOf = (name) => [...(/^(bare|shared) /.test(name) ? [] : [[1, false]]), [16, false], [16, true]];
  const wanted = Object.entries(SCENARIOS).flatMap(([name, scenarios]) => scenarios.flatMap((scenario) => loadsOf(name).map((load) => [name, scenario, ...load])));
  const found = measured.rows.map(({ system, mode, scenario, connections, calm }) => [`${system} ${mode}`, scenario, connections, calm]);
  assert.deepEqual(found.map(String).sort(), wanted.map(String).sort());
  for (const row of measured.rows) assert.ok(row.requests > 0 && row.p50 <= row.p99 && row.p99 <= row.p999, JSON.stringify(row));
  const askingKv = new Set(measured.rows.filter(({ kvMs }) => kvMs > 0).map(({ system, mode, scenario }) => `${system} ${mode} ${scenario}`));
  const managed = ['relay-edge', 'bare', 'shared'].flatMap((system) => ['create', 'purchase', 'view', 'redeem', 'relay'].map((scenario) => `${system} managed ${scenario}`));
  assert.deepEqual([...askingKv].sort(), managed.sort());
  assert.deepEqual(measured.growth.rows.map(({ stored, few }) => [stored, few.stored]), [[20, 20], [40, 30]]);
  assertNumbers(gatewayTables(measured));
  assert.equal(stdout.match(/^(?:met|NOT MET) /gm)?.length, gatewayDemands(measured).length);
});

// After it, for it builds them.
test('the bare Worker asks upstream and KV as often as the gateway does, on every endpoint', { skip: LINUX }, async (t) => {
  const upstream = await startUpstream();
  t.after(() => upstream.close());
  for (const mode of ['pass-through', 'managed']) {
    const gateway = await callsOf(upstream, 'relay-edge', mode);
    assert.deepEqual(await callsOf(upstream, 'bare', mode), gateway, mode);
    const { create, purchase, redeem } = gateway.counts;
    assert.deepEqual([create.upstream, purchase.upstream, redeem.upstream], [1, 2, 1], mode);
    const kv = mode === 'managed' ? 1 : 0;
    assert.deepEqual([create.kv, purchase.kv, redeem.kv], [kv, kv, kv], mode);
  }
});

test('a mistake on the command line is said at once, and ends with 2', async () => {
  for (const [script, args, said] of [
    ['bench', ['--runtimes', 'netscape'], /--runtimes knows workerd, deno, bun, node/],
    ['bench', ['--rounds', '0'], /--rounds takes a whole number from 1/],
    ['bench', ['--quick', '--write'], /--write keeps the results of whole runs only/],
    ['bench:gateway', ['--quick', '--write'], /--write keeps the results of whole runs only/],
    ['bench', ['--slow'], /npm run bench -- --help/],
    ['bench:gateway', ['--seconds', 'x'], /--seconds takes a number/],
  ]) {
    const { code, stderr } = await npm(script, args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, said);
  }
});
