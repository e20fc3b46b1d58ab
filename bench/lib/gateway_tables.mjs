// The tables and the plot of `npm run bench:gateway`, from its results.

import { table } from './crypto_tables.mjs';
import { SCENARIOS, USUAL } from './gateway.mjs';
import { linePlot, short } from './svg.mjs';

const SYSTEM_TITLES = {
  'relay-edge pass-through': 'pass-through',
  'relay-edge managed': 'managed',
  'bare pass-through': 'bare Worker, pass-through',
  'bare managed': 'bare Worker, managed',
  'shared managed': 'bare Worker, 64 objects, managed',
  'baseline pass-through': 'plain JavaScript',
};
const SCENARIO_TITLES = {
  health: '`GET /healthz`',
  description: '`GET /openapi.json`',
  keys: '`GET /issuer-keys`',
  create: '`POST /relays`',
  purchase: '`POST /relays/privacy-passes`',
  view: '`GET /relays/{relay-token}`',
  redeem: '`POST /relays/{relay-token}/redeem`',
  relay: 'a whole relay',
};

/** How much the cost of a relay may differ. */
const FLAT = 0.1;

function finder({ rows }) {
  return (name, scenario, connections, { calm = false } = {}) =>
    rows.find((row) => `${row.system} ${row.mode}` === name && row.scenario === scenario && row.connections === connections && row.calm === calm);
}

/** What a bare Worker took where the gateway took what a row says. */
function bareOf(results, { mode, scenario, connections, calm }, system = 'bare') {
  return finder(results)(`${system} ${mode}`, scenario, connections, { calm });
}

/** The rows of a table: those of the bare Workers beneath the gateway's, where there are any. */
function withBare(results, isCalm) {
  return results.rows
    .filter(({ system, calm }) => !['bare', 'shared'].includes(system) && calm === isCalm)
    .flatMap((row) => (row.system === 'relay-edge' ? [row, bareOf(results, row), bareOf(results, row, 'shared')] : [row]))
    .filter((row) => row !== undefined);
}

/** What is demanded of the gateway. @param {any} results */
export function gatewayDemands(results) {
  const find = finder(results);
  const endpoints = ['relay-edge pass-through', 'relay-edge managed'].flatMap((name) =>
    SCENARIOS[name].filter((scenario) => scenario !== 'relay').map((scenario) => ({ name, scenario, row: find(name, scenario, USUAL, { calm: true }) })),
  );
  const worst = (figure) => endpoints.reduce((a, b) => (b.row[figure] > a.row[figure] ? b : a));
  const below = (figure, limit, what) => {
    const { name, scenario, row } = worst(figure);
    const bare = bareOf(results, row);
    const floor = bare === undefined ? '' : `; the bare Worker there: ${short(bare[figure])} ms`;
    return { what, demanded: `under ${limit} ms`, measured: `${short(row[figure])} ms (${SCENARIO_TITLES[scenario]}, ${SYSTEM_TITLES[name]}${floor})`, met: row[figure] < limit };
  };
  const cpu = find('relay-edge pass-through', 'relay', USUAL).cpuMs;
  const ratio = find('relay-edge pass-through', 'purchase', USUAL).perSecond / find('baseline pass-through', 'purchase', USUAL).perSecond;
  const most = results.growth.rows.at(-1);
  const spread = most.ratio.median - 1;
  return [
    below('p50', 2, `own time per request, the slowest endpoint, median, ${USUAL} connections`),
    below('p99', 10, `own time per request, the slowest endpoint, p99, ${USUAL} connections`),
    { what: 'CPU per whole relay, pass-through', demanded: 'under 5 ms', measured: `${short(cpu)} ms`, met: cpu < 5 },
    { what: 'purchases per second, against the plain JavaScript Worker', demanded: 'at least 5 times as many', measured: `${short(ratio)} times`, met: ratio >= 5 },
    {
      what: `CPU per relay with ${most.stored.toLocaleString('en')} relays stored, against ${most.few.stored.toLocaleString('en')}`,
      demanded: 'within 10 %',
      measured: percent(spread),
      met: Math.abs(spread) <= FLAT,
    },
  ];
}

/** Markdown by the name of its place in docs/benchmarks.md. @param {any} results */
export function gatewayTables(results) {
  return { calm: calmTable(results), full: fullTable(results), growth: growthTable(results), limit: limitText(results) };
}

function calmTable(results) {
  const { floor } = results;
  const figures = ['perSecond', 'p50', 'p99', 'p999', 'cpuMs', 'cores'];
  const lines = withBare(results, true)
    .map((row) => [SYSTEM_TITLES[`${row.system} ${row.mode}`], SCENARIO_TITLES[row.scenario], ...figures.map((figure) => short(row[figure]))]);
  const without = ['no gateway', 'the load asks the upstream', short(floor.perSecond), ...['p50', 'p99', 'p999'].map((figure) => short(floor[figure])), '–', '–'];
  return table(['', '', 'per second', 'p50, ms', 'p99, ms', 'p99.9, ms', 'CPU each, ms', 'cores'], [...lines, without]) + kvText(results);
}

/** How much of the gateway's own time KV was at work in. */
function kvText({ rows }) {
  const asking = rows.filter(({ system, scenario, calm, kvMs }) => calm && system === 'relay-edge' && scenario !== 'relay' && kvMs > 0);
  if (asking.length === 0) return '';
  const most = asking.reduce((a, b) => (b.kvMs > a.kvMs ? b : a));
  return `\n\nThe time that KV was at work for a request is in these times: at most ${short(most.kvMs)} ms on average (${SCENARIO_TITLES[most.scenario]}).`;
}

function fullTable(results) {
  const lines = withBare(results, false)
    .map((row) => [
      SYSTEM_TITLES[`${row.system} ${row.mode}`], SCENARIO_TITLES[row.scenario], String(row.connections),
      ...['perSecond', 'p50', 'p99', 'p999', 'cpuMs', 'cores'].map((figure) => short(row[figure])),
    ]);
  return table(['', '', 'connections', 'per second', 'p50, ms', 'p99, ms', 'p99.9, ms', 'CPU each, ms', 'cores'], lines);
}

function growthTable({ growth }) {
  const megabytes = (bytes) => short(bytes / 2 ** 20);
  const lines = growth.rows.map((row) => [
    row.stored.toLocaleString('en'), short(row.cpuMs), `${short(row.few.cpuMs)} with ${row.few.stored.toLocaleString('en')}`, `${percent(row.ratio.median - 1)} (${percent(row.ratio.q1 - 1)} to ${percent(row.ratio.q3 - 1)})`,
    short(row.latencyMs), megabytes(row.memory), short(row.fillSeconds),
  ]);
  const titles = ['relays stored', 'CPU per relay, ms', 'of another workerd', 'batch by batch', `time of a relay, ms, ${growth.connections} connections`, 'memory of workerd, MiB', 'filling up took, s'];
  return `${table(titles, lines)}\n\nBefore the first relay workerd had ${megabytes(growth.memoryAtStart)} MiB, and ${growth.restSeconds} s after the last one ${megabytes(growth.memoryAtRest)} MiB.`;
}

/** With its sign. @param {number} share */
const percent = (share) => `${share >= 0 ? '+' : '−'}${(100 * Math.abs(share)).toFixed(1)} %`;

/** What is used up first. */
function limitText(results) {
  const find = finder(results);
  const said = [['relay-edge pass-through', 'In pass-through mode'], ['relay-edge managed', 'In managed mode'], ['baseline pass-through', 'With the plain JavaScript Worker']].map(([name, where]) => {
    const { cores, perSecond } = find(name, 'relay', USUAL);
    const limit = cores >= 0.85 ? 'the one thread on which workerd runs an isolate' : 'not the CPU of workerd, which waits for the upstream, the load or the stores: all of them have two cores together';
    return `${where} ${short(perSecond)} whole relays a second took ${short(cores)} cores of workerd; what is hit first is ${limit}.`;
  });
  return said.join(' ');
}

/** The plot: purchases per second by connections. @param {any} results */
export function gatewayPlot(results) {
  const names = [['relay-edge pass-through', 'ours'], ['relay-edge managed', 'third'], ['baseline pass-through', 'other']];
  const lines = names.map(([name, kind]) => ({
    label: SYSTEM_TITLES[name],
    kind,
    points: results.rows.filter((row) => `${row.system} ${row.mode}` === name && row.scenario === 'purchase' && !row.calm).map((row) => [row.connections, row.perSecond]),
  }));
  return linePlot({
    title: 'Purchases per second on one thread of workerd, on a logarithmic scale',
    description: lines.map(({ label, points }) => `${label}: ${points.map(([connections, perSecond]) => `${short(perSecond)} a second over ${connections} connections`).join(', ')}`).join('. '),
    xTitle: 'connections',
    unit: '/s',
    lines,
  });
}
