// The measurements of `npm run bench:gateway`.

import { progress } from '../../scripts/lib/program.mjs';
import { startLoad, startSystem, startUpstream } from '../gateway/processes.mjs';
import { lengths, ownTimes } from './own_time.mjs';
import { median, quantile, round, summary } from './statistics.mjs';

/** What is measured of each system, in the order in which it can be done: what one makes, the next uses. */
export const SCENARIOS = {
  'relay-edge pass-through': ['health', 'description', 'create', 'purchase', 'redeem', 'relay'],
  'relay-edge managed': ['health', 'keys', 'create', 'purchase', 'view', 'redeem', 'relay'],
  'bare pass-through': ['health', 'description', 'create', 'purchase', 'redeem', 'relay'],
  'bare managed': ['keys', 'create', 'purchase', 'view', 'redeem', 'relay'],
  'shared managed': ['create', 'purchase', 'view', 'redeem', 'relay'],
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

/** Which systems are asked over so many connections only at full load. */
const ONE_LOAD = ['bare', 'shared'];

/** Connections for what has one number of them, as the bare Workers have. */
export const USUAL = 16;

/**
 * @typedef {object} Effort
 * @property {number[]} connections at full load, {@link USUAL} among them
 * @property {number} seconds for a scenario at full load
 * @property {number} calmSeconds for one where the gateway's own time is measured, all rounds together
 * @property {number} rounds in each of which every system has its turn where own time is measured
 * @property {number} warmSeconds of whole relays before anything is measured: what V8 compiles well it has to see often
 * @property {number[]} stored how many relays are stored when the cost of one more is measured
 * @property {number} growthRelays how many relays each batch of those measurements makes
 * @property {number} growthBatches how many batches: from one to the next, a shared machine differs by a fifth
 * @property {number} objectsSeconds until workerd has let go of an object that nobody calls. It keeps it for ten seconds; with some
 *   thousands of them SQLite in workerd is out of memory, and the gateway answers 503
 * @property {number} restSeconds before what one more costs is measured, and before the memory is looked at once more
 */

/** @param {Effort} effort */
export async function measureGateway(effort) {
  const upstream = await startUpstream();
  const load = await startLoad();
  try {
    const rows = [];
    for (const mode of ['pass-through', 'managed']) rows.push(...(await measureMode(mode, upstream, effort)));
    const floor = await measureFloor(upstream, load, effort);
    return { rows, floor, growth: await measureGrowth(upstream, load, effort) };
  } finally {
    load.close();
    upstream.close();
  }
}

/** All systems in one mode, each with a load of its own: what that has made, it uses. */
async function measureMode(mode, upstream, effort) {
  const systems = [];
  try {
    for (const [name, scenarios] of Object.entries(SCENARIOS).filter(([name]) => name.endsWith(` ${mode}`))) {
      const [system] = name.split(' ');
      progress(`${name} …`);
      const started = await startSystem({ system, mode, upstream: upstream.url });
      const on = { name, system, mode, scenarios, started, upstream, load: undefined, rows: [] };
      systems.push(on);
      on.load = await startLoad();
      await on.load.run({ url: started.url, mode, scenario: 'relay', connections: USUAL, seconds: effort.warmSeconds, credentials: started.credentials, forget: true });
    }
    await measureOwnTimes(systems, effort);
    for (const on of systems) await measureFullLoad(on, effort);
    return systems.flatMap(({ rows }) => rows);
  } finally {
    for (const { started, load } of systems) {
      await started.close();
      load?.close();
    }
  }
}

/** In turns, for a machine that is shared is faster at one time than at another. */
async function measureOwnTimes(systems, { calmSeconds, rounds, objectsSeconds }) {
  const [{ mode, scenarios, upstream }] = systems;
  await upstream.setDelay(UPSTREAM_MS);
  for (const scenario of scenarios) {
    progress(`${mode}, ${scenario}: ${USUAL} connections, an upstream that takes ${UPSTREAM_MS.join(' to ')} ms …`);
    if (mode === 'managed' && WAKES_OBJECTS.includes(scenario)) await pause(objectsSeconds);
    const asked = systems.filter((on) => on.scenarios.includes(scenario)).map((on) => ({ on, parts: [] }));
    for (let round = 0; round < rounds; round += 1) {
      const options = { scenario, connections: USUAL, seconds: calmSeconds / rounds, calm: true, again: round > 0 };
      for (const { on, parts } of round % 2 === 0 ? asked : [...asked].reverse()) parts.push(await ask(on, options));
    }
    for (const { on, parts } of asked) on.rows.push(rowOf(on, { scenario, connections: USUAL, calm: true }, parts));
  }
}

async function measureFullLoad(on, { connections, seconds, objectsSeconds }) {
  await on.upstream.setDelay([0, 0]);
  for (const count of ONE_LOAD.includes(on.system) ? [USUAL] : connections) {
    progress(`${on.name}, ${count} connections …`);
    for (const scenario of on.scenarios) {
      if (on.mode === 'managed' && count >= USUAL && WAKES_OBJECTS.includes(scenario)) await pause(objectsSeconds);
      const options = { scenario, connections: count, calm: false };
      on.rows.push(rowOf(on, options, [await ask(on, { ...options, seconds })]));
    }
  }
}

/** Puts load on a system for some time. `again`: it goes on with what the one before left. */
async function ask({ mode, started, upstream, load }, { scenario, connections, seconds, calm, again = false }) {
  await Promise.all([upstream.report(), started.kvReport()]);
  const pauseMs = calm && ASKS_NOBODY.includes(scenario) ? UPSTREAM_MS : undefined;
  const before = started.cpuMs();
  const order = { url: started.url, mode, scenario, connections, seconds, credentials: started.credentials, lanes: calm, pauseMs };
  const { requests, seconds: took, closed } = await load.run({ ...order, forget: scenario === 'create' && !again, rewind: !again });
  const cpu = started.cpuMs() - before;
  const [calls, kvCalls] = await Promise.all([upstream.report(), started.kvReport()]);
  const kvMs = totalMs(kvCalls);
  const times = calm ? ownTimes(requests, calls) : timesLess(requests, (totalMs(calls) + kvMs) / requests.lanes.length);
  return { times, seconds: took, cpu, kvMs, closed };
}

function rowOf({ system, mode }, options, parts) {
  const times = parts.flatMap((part) => part.times);
  const sum = (figure) => parts.reduce((all, part) => all + part[figure], 0);
  return { system, mode, ...options, ...figures(times, sum('seconds'), sum('cpu')), kvMs: round(sum('kvMs') / times.length), closed: sum('closed') };
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

/**
 * Whole relays in managed mode, one after the other, and what one costs when so many are stored. Beside it, in turns, what one costs
 * in another workerd that has few: a machine that is shared is faster at one time than at another.
 */
async function measureGrowth(upstream, load, { stored, growthRelays, growthBatches, restSeconds }) {
  await upstream.setDelay([0, 0]);
  const systems = [];
  try {
    for (let started = 0; started < 2; started += 1) systems.push(await startFilling(upstream, load));
    const [growing, few] = systems;
    const memoryAtStart = growing.memory();
    const measured = growthBatches * growthRelays;
    const rows = [];
    for (const size of stored) {
      progress(`filling up to ${size} relays …`);
      if (few.stored === 0) await few.relays(size - measured);
      const { seconds } = await growing.relays(size - measured - growing.stored);
      // Until workerd has put away the objects that nobody uses: it would otherwise have more of them in memory the longer this took.
      await pause(restSeconds);
      const batches = new Map(systems.map((system) => [system, []]));
      for (let batch = 0; batch < growthBatches; batch += 1) {
        for (const system of batch % 2 === 0 ? systems : [...systems].reverse()) batches.get(system).push(await system.relays(growthRelays));
      }
      const [costs, costsOfFew] = systems.map((system) => {
        const [cpuMs, latencyMs] = ['cpu', 'latency'].map((figure) => round(median(batches.get(system).map((batch) => batch[figure]))));
        return { stored: system.stored, cpuMs, latencyMs };
      });
      const [cpu, cpuOfFew] = systems.map((system) => batches.get(system).map((batch) => batch.cpu));
      const ratio = summary(cpu.map((ms, batch) => ms / cpuOfFew[batch]));
      rows.push({ ...costs, fillSeconds: round(seconds), memory: growing.memory(), few: costsOfFew, ratio });
    }
    await pause(restSeconds);
    return { memoryAtStart, memoryAtRest: growing.memory(), restSeconds, connections: USUAL, rows };
  } finally {
    for (const { close } of systems) await close();
  }
}

/** A gateway that nobody has called yet, and how many relays are stored in it. */
async function startFilling(upstream, load) {
  const { url, credentials, cpuMs, memory, close } = await startSystem({ system: 'relay-edge', mode: 'managed', upstream: upstream.url });
  const filling = {
    stored: 0,
    memory,
    close,
    async relays(times) {
      const before = cpuMs();
      const { requests, seconds } = await load.run({ url, mode: 'managed', scenario: 'relay', connections: USUAL, times, credentials });
      filling.stored += times;
      return { cpu: (cpuMs() - before) / times, latency: median(lengths(requests)), seconds };
    },
  };
  return filling;
}
