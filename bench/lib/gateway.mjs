// The measurements of `npm run bench:gateway`.

import { progress } from '../../scripts/lib/program.mjs';
import { startLoad, startSystem, startUpstream } from '../gateway/processes.mjs';
import { lengths, ownTimes } from './own_time.mjs';
import { median, quantile, round } from './statistics.mjs';

/** What is measured of each system, in the order in which it can be done: what one makes, the next uses. */
export const SCENARIOS = {
  'relay-edge pass-through': ['health', 'description', 'create', 'purchase', 'redeem', 'relay'],
  'relay-edge managed': ['health', 'keys', 'create', 'purchase', 'view', 'redeem', 'relay'],
  'bare pass-through': ['health', 'description', 'create', 'purchase', 'redeem', 'relay'],
  'bare managed': ['keys', 'create', 'purchase', 'view', 'redeem', 'relay'],
  'baseline pass-through': ['health', 'create', 'purchase', 'redeem', 'relay'],
};

/**
 * How long the upstream takes for an answer where the gateway's own time is measured, in milliseconds: any time from the first to
 * the second. A constant one would keep all connections in step, waiting for each other.
 */
export const UPSTREAM_MS = [25, 75];

/** Who asks no upstream pauses as long as one would take, or sixteen connections would be as many as can be. */
const ASKS_NOBODY = ['health', 'description', 'keys', 'view'];

/** Who wakes an object of the ledger per relay. */
const WAKES_OBJECTS = ['purchase', 'view', 'redeem', 'relay'];

/** Connections for what has one number of them, as the bare Worker has. */
export const USUAL = 16;

/**
 * @typedef {object} Effort
 * @property {number[]} connections at full load, {@link USUAL} among them
 * @property {number} seconds for a scenario at full load
 * @property {number} calmSeconds for one where the gateway's own time is measured
 * @property {number[]} stored how many relays are stored when the cost of one more is measured
 * @property {number} growthRelays how many relays each batch of those measurements makes
 * @property {number} objectsSeconds until workerd has let go of an object that nobody calls. It keeps it for ten seconds; with some
 *   thousands of them SQLite in workerd is out of memory, and the gateway answers 503
 * @property {number} restSeconds before what one more costs is measured, and before the memory is looked at once more
 */

/** Batches of relays at each number that is stored. */
const BATCHES = 5;

/** @param {Effort} effort */
export async function measureGateway(effort) {
  const upstream = await startUpstream();
  const load = await startLoad();
  try {
    const rows = [];
    for (const name of Object.keys(SCENARIOS)) {
      const [system, mode] = name.split(' ');
      const started = await startSystem({ system, mode, upstream: upstream.url });
      try {
        const on = { system, mode, started, upstream, load };
        await warmUp(on);
        for (const connections of system === 'bare' ? [USUAL] : effort.connections) {
          progress(`${name}, ${connections} connections …`);
          rows.push(...(await scenarios(on, { connections, calm: false, seconds: effort.seconds, rest: effort.objectsSeconds })));
        }
        progress(`${name}, ${USUAL} connections, an upstream that takes ${UPSTREAM_MS.join(' to ')} ms …`);
        rows.push(...(await scenarios(on, { connections: USUAL, calm: true, seconds: effort.calmSeconds, rest: effort.objectsSeconds })));
      } finally {
        await started.close();
      }
    }
    const floor = await measureFloor(upstream, load, effort);
    return { rows, floor, growth: await measureGrowth(upstream, load, effort) };
  } finally {
    load.close();
    upstream.close();
  }
}

async function warmUp({ started, mode, load }) {
  await load.run({ url: started.url, mode, scenario: 'relay', connections: 4, seconds: 1, credentials: started.credentials, forget: true });
}

async function scenarios(on, { connections, calm, seconds, rest }) {
  const { system, mode, started, upstream, load } = on;
  await upstream.setDelay(calm ? UPSTREAM_MS : [0, 0]);
  const rows = [];
  for (const scenario of SCENARIOS[`${system} ${mode}`]) {
    if (mode === 'managed' && connections >= USUAL && WAKES_OBJECTS.includes(scenario)) await pause(rest);
    const pauseMs = calm && ASKS_NOBODY.includes(scenario) ? UPSTREAM_MS : undefined;
    await Promise.all([upstream.report(), started.kvReport()]);
    const before = started.cpuMs();
    const order = { url: started.url, mode, scenario, connections, seconds, credentials: started.credentials, lanes: calm, pauseMs };
    const { requests, seconds: took, closed } = await load.run({ ...order, forget: scenario === 'create', rewind: true });
    const cpu = started.cpuMs() - before;
    const [calls, kvCalls] = await Promise.all([upstream.report(), started.kvReport()]);
    const count = requests.lanes.length;
    const times = calm ? ownTimes(requests, calls) : timesLess(requests, (totalMs(calls) + totalMs(kvCalls)) / count);
    rows.push({ system, mode, scenario, connections, calm, ...figures(times, took, cpu), kvMs: round(totalMs(kvCalls) / count), closed });
  }
  return rows;
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

/** Where requests are many, and the time of upstream and KV is small: less what these took for one on average. */
function timesLess(requests, averageMs) {
  return lengths(requests).map((ms) => Math.max(0, ms - averageMs));
}

const totalMs = (calls) => lengths(calls).reduce((sum, ms) => sum + ms, 0);

function figures(times, seconds, cpu) {
  return { ...latencyFigures(times, seconds), cpuMs: round(cpu / times.length), cores: round(cpu / 1000 / seconds) };
}

function latencyFigures(times, seconds) {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => round(quantile(times, share)));
  return { requests: times.length, perSecond: round(times.length / seconds), p50, p99, p999 };
}

/** What the load, the upstream and the system take by themselves: the same measurement, without a gateway in between. */
async function measureFloor(upstream, load, { calmSeconds }) {
  progress('the upstream without a gateway …');
  await upstream.setDelay(UPSTREAM_MS);
  await upstream.report();
  const order = { url: upstream.url, mode: 'directly', scenario: 'create', connections: USUAL, seconds: calmSeconds, lanes: true };
  const { requests, seconds } = await load.run(order);
  return latencyFigures(ownTimes(requests, await upstream.report()), seconds);
}

/** Whole relays in managed mode, one after the other, and what one costs when so many are stored. */
async function measureGrowth(upstream, load, { stored, growthRelays, restSeconds }) {
  await upstream.setDelay([0, 0]);
  const started = await startSystem({ system: 'relay-edge', mode: 'managed', upstream: upstream.url });
  const relays = async (times) => {
    const before = started.cpuMs();
    const { requests, seconds } = await load.run({ url: started.url, mode: 'managed', scenario: 'relay', connections: USUAL, times, credentials: started.credentials });
    const latencies = lengths(requests);
    return { cpu: (started.cpuMs() - before) / latencies.length, latency: median(latencies), seconds };
  };
  const rest = () => pause(restSeconds);
  try {
    const rows = [];
    let made = 0;
    const memoryAtStart = started.memory();
    for (const size of stored) {
      progress(`filling up to ${size} relays …`);
      const fill = size - made - BATCHES * growthRelays;
      const { seconds } = await relays(fill);
      // Until workerd has put away the objects that nobody uses: it would otherwise have more of them in memory the longer this took.
      await rest();
      const windows = [];
      for (let window = 0; window < BATCHES; window += 1) windows.push(await relays(growthRelays));
      made = size;
      rows.push({
        stored: size,
        cpuMs: round(median(windows.map(({ cpu }) => cpu))),
        latencyMs: round(median(windows.map(({ latency }) => latency))),
        fillSeconds: round(seconds),
        memory: started.memory(),
      });
    }
    await rest();
    return { memoryAtStart, memoryAtRest: started.memory(), restSeconds, connections: USUAL, rows };
  } finally {
    await started.close();
  }
}
