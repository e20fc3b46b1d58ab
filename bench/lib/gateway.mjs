// The measurements of `npm run bench:gateway`.

import { progress } from '../../scripts/lib/program.mjs';
import { startLoad, startSystem, startUpstream } from '../gateway/processes.mjs';
import { median, quantile, round } from './statistics.mjs';

/** What is measured of each system, in the order in which it can be done: what one makes, the next uses. */
export const SCENARIOS = {
  'relay-edge pass-through': ['health', 'description', 'create', 'purchase', 'redeem', 'relay'],
  'relay-edge managed': ['health', 'keys', 'create', 'purchase', 'view', 'redeem', 'relay'],
  'baseline pass-through': ['health', 'create', 'purchase', 'redeem', 'relay'],
};

/** How long the upstream takes for an answer where the gateway's own time is measured, in milliseconds. */
export const UPSTREAM_MS = 50;

/** Connections for what has one number of them. */
export const USUAL = 16;

/**
 * @typedef {object} Effort
 * @property {number[]} connections at full load, {@link USUAL} among them
 * @property {number} seconds for a scenario at full load
 * @property {number} calmSeconds for one with an upstream that takes its time
 * @property {number[]} stored how many relays are stored when the cost of one more is measured
 * @property {number} growthRelays how many relays each batch of those measurements makes
 * @property {number} restSeconds after which the memory is looked at once more
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
        for (const connections of effort.connections) {
          progress(`${name}, ${connections} connections …`);
          rows.push(...(await scenarios(on, { connections, upstreamMs: 0, seconds: effort.seconds })));
        }
        progress(`${name}, ${USUAL} connections, an upstream of ${UPSTREAM_MS} ms …`);
        rows.push(...(await scenarios(on, { connections: USUAL, upstreamMs: UPSTREAM_MS, seconds: effort.calmSeconds })));
      } finally {
        await started.close();
      }
    }
    return { rows, growth: await measureGrowth(upstream, load, effort) };
  } finally {
    load.close();
    upstream.close();
  }
}

async function warmUp({ started, mode, load }) {
  await load.run({ url: started.url, mode, scenario: 'relay', connections: 4, seconds: 1, credentials: started.credentials, forget: true });
}

async function scenarios(on, { connections, upstreamMs, seconds }) {
  const { system, mode, started, upstream, load } = on;
  await upstream.setDelay(upstreamMs);
  const rows = [];
  for (const scenario of SCENARIOS[`${system} ${mode}`]) {
    await upstream.report();
    const before = started.cpuMs();
    const order = { url: started.url, mode, scenario, connections, seconds, credentials: started.credentials };
    const { latencies, seconds: took, closed } = await load.run({ ...order, forget: scenario === 'create', rewind: true });
    const cpu = started.cpuMs() - before;
    const { totalMs } = await upstream.report();
    rows.push({ system, mode, scenario, connections, upstreamMs, ...figures(latencies, took, cpu, totalMs), closed });
  }
  return rows;
}

/** The upstream's time is taken off each latency, as what it took for a request on average. */
function figures(latencies, seconds, cpu, upstreamTotalMs) {
  const requests = latencies.length;
  const upstreamPerRequest = upstreamTotalMs / requests;
  const own = (share) => round(Math.max(0, quantile(latencies, share) - upstreamPerRequest));
  return {
    requests,
    perSecond: round(requests / seconds),
    p50: own(0.5),
    p99: own(0.99),
    p999: own(0.999),
    upstreamPerRequest: round(upstreamPerRequest),
    cpuMs: round(cpu / requests),
    cores: round(cpu / 1000 / seconds),
  };
}

/** Whole relays in managed mode, one after the other, and what one costs when so many are stored. */
async function measureGrowth(upstream, load, { stored, growthRelays, restSeconds }) {
  await upstream.setDelay(0);
  const started = await startSystem({ system: 'relay-edge', mode: 'managed', upstream: upstream.url });
  const relays = async (times) => {
    const before = started.cpuMs();
    const { latencies, seconds } = await load.run({ url: started.url, mode: 'managed', scenario: 'relay', connections: USUAL, times, credentials: started.credentials });
    return { cpu: (started.cpuMs() - before) / latencies.length, latency: median(latencies), seconds };
  };
  try {
    const rows = [];
    let made = 0;
    const memoryAtStart = started.memory();
    for (const size of stored) {
      progress(`filling up to ${size} relays …`);
      const fill = size - made - BATCHES * growthRelays;
      const { seconds } = await relays(fill);
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
    await new Promise((resolve) => setTimeout(resolve, restSeconds * 1000));
    return { memoryAtStart, memoryAtRest: started.memory(), restSeconds, connections: USUAL, rows };
  } finally {
    await started.close();
  }
}
