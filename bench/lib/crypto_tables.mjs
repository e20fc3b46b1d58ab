// The tables and the plot of `npm run bench`, from its results.

import { IDS, RUNTIMES } from './names.mjs';
import { MENDS, STEPS } from './steps.mjs';
import { barPlot, short } from './svg.mjs';

/** As they are called in tables. */
export const TITLES = {
  'relay-edge': 'Relay Edge',
  'blindrsa-ts': '`@cloudflare/blindrsa-ts`',
  bigint: 'plain BigInt, not constant-time',
  'untuned-wasm': '`blind-rsa-signatures`, wasm untuned',
  native: '`blind-rsa-signatures`, native',
  webcrypto: 'WebCrypto',
  openssl: 'OpenSSL, native',
};
const RUNTIME_TITLES = { workerd: 'workerd', deno: 'Deno', bun: 'Bun', node: 'Node' };
const BITS = 2048;

/** @param {{ rows: any[], fresh: any[] }} results @returns finds medians: `blind+finalize` is a sum */
export function finder({ rows, fresh }) {
  const one = (list, runtime, id, op, bits) => list.find((row) => row.runtime === runtime && row.id === id && row.op === op && (row.bits ?? bits) === bits);
  const row = (runtime, id, op, bits = BITS) => one(rows, runtime, id, op, bits);
  const value = (runtime, id, op, bits = BITS) => {
    if (op !== 'blind+finalize') return row(runtime, id, op, bits)?.median;
    const [blind, finalize] = [row(runtime, id, 'blind', bits), row(runtime, id, 'finalize', bits)];
    return blind && finalize && blind.median + finalize.median;
  };
  const first = (runtime, id, op) => one(fresh, runtime, id, op, BITS)?.median;
  const runtimes = RUNTIMES.filter((runtime) => rows.some((found) => found.runtime === runtime));
  return { row, value, first, runtimes };
}

/** What is demanded of blind RSA, each with the ratio that was measured. @param {any} results */
export function cryptoDemands(results) {
  const { value, first } = finder(results);
  const ratio = (id) => value('workerd', id, 'blind+finalize') / value('workerd', 'relay-edge', 'blind+finalize');
  const demand = (what, least, measured) => ({ what, demanded: `at least ${least} times faster`, measured: `${short(measured)} times`, met: measured >= least });
  return [
    demand('blind and finalize, against `@cloudflare/blindrsa-ts`, in workerd', 15, ratio('blindrsa-ts')),
    demand('blind and finalize, against `blind-rsa-signatures` in wasm untuned, in workerd', 1.4, ratio('untuned-wasm')),
    demand('first pass of a fresh instance, against `@cloudflare/blindrsa-ts`, in workerd', 5, first('workerd', 'blindrsa-ts', 'pass') / first('workerd', 'relay-edge', 'pass')),
  ];
}

/** Markdown by the name of its place in docs/benchmarks.md. @param {any} results */
export function cryptoTables(results) {
  const find = finder(results);
  return {
    ratios: ratioTable(find),
    runtimes: find.runtimes.map((runtime) => runtimeTable(find, runtime)).join('\n\n'),
    sizes: sizeTable(find),
    yardsticks: yardstickTable(find),
    functions: functionTable(results.profile),
    steps: stepTable(find),
    mends: mendTable(find),
  };
}

function ratioTable({ value, first, runtimes }) {
  const others = IDS.filter((id) => id !== 'relay-edge');
  const times = (number) => (number === undefined || Number.isNaN(number) ? '–' : `${short(number)}×`);
  const lines = others.flatMap((id) =>
    [
      ['blind and finalize', (runtime) => value(runtime, id, 'blind+finalize') / value(runtime, 'relay-edge', 'blind+finalize')],
      ['first pass', (runtime) => first(runtime, id, 'pass') / first(runtime, 'relay-edge', 'pass')],
      ['`issuePrivacyPass`', (runtime) => value(runtime, id, 'issuePrivacyPass') / value(runtime, 'relay-edge', 'issuePrivacyPass')],
    ].map(([what, ratio]) => [TITLES[id], what, ...runtimes.map((runtime) => times(ratio(runtime)))]),
  );
  return table(['time of … over that of Relay Edge', '', ...runtimes.map((runtime) => RUNTIME_TITLES[runtime])], lines);
}

function runtimeTable({ row, value, first, runtimes }, runtime) {
  const cell = (found) => (found === undefined ? '–' : `${short(found.median)} (${short(found.q1)} to ${short(found.q3)})`);
  const plain = (number) => (number === undefined ? '–' : short(number));
  const lines = IDS.map((id) => [
    TITLES[id], cell(row(runtime, id, 'blind')), cell(row(runtime, id, 'finalize')), plain(value(runtime, id, 'blind+finalize')),
    plain(first(runtime, id, 'pass')), plain(first(runtime, id, 'imported')), plain(value(runtime, id, 'instantiate')),
    cell(row(runtime, id, 'issuePrivacyPass')), cell(row(runtime, id, 'generateClaim')),
  ]);
  if (runtime === runtimes.at(-1)) {
    lines.push([TITLES.native, cell(row('native', 'native', 'blind')), cell(row('native', 'native', 'finalize')), plain(value('native', 'native', 'blind+finalize')), '–', '–', '–', '–', '–']);
  }
  const head = [RUNTIME_TITLES[runtime], 'blind', 'finalize', 'both', 'first pass', 'import', 'instantiate', '`issuePrivacyPass`', '`generateClaim`'];
  return table(head, lines);
}

function sizeTable({ value }) {
  const ours = (bits) => value('workerd', 'relay-edge', 'blind+finalize', bits);
  const sizes = [2048, 3072, 4096];
  const cell = (found, bits, id) => (found === undefined ? '–' : id === 'relay-edge' ? short(found) : `${short(found)} (${short(found / ours(bits))}×)`);
  const lines = IDS.map((id) => [TITLES[id], ...sizes.map((bits) => cell(value('workerd', id, 'blind+finalize', bits), bits, id))]);
  lines.push([TITLES.native, ...sizes.map((bits) => cell(value('native', 'native', 'blind+finalize', bits), bits, 'native'))]);
  return table(['blind and finalize, workerd', ...sizes.map((bits) => `${bits} bits`)], lines);
}

function yardstickTable({ value, runtimes }) {
  const cell = (number) => (number === undefined ? '–' : short(number));
  const line = (runtime, id, title) => [title, ...['verify', 'private'].flatMap((op) => [2048, 3072, 4096].map((bits) => cell(value(runtime, id, op, bits))))];
  const head = ['', ...['verify', 'private operation'].flatMap((what) => [2048, 3072, 4096].map((bits) => `${what}, ${bits}`))];
  return table(head, [...runtimes.map((runtime) => line(runtime, 'webcrypto', `WebCrypto, ${RUNTIME_TITLES[runtime]}`)), line('native', 'openssl', TITLES.openssl)]);
}

function functionTable({ functions, crates, msPerPass }) {
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  const us = (share) => short(1000 * share * msPerPass);
  const byFunction = table(['function', 'share', 'µs per pass'], functions.map(({ name, share }) => [`\`${name}\``, percent(share), us(share)]));
  const byCrate = table(['crate', 'share', 'µs per pass'], crates.map(({ crate, share }) => [/ /.test(crate) ? crate : `\`${crate}\``, percent(share), us(share)]));
  return `${byCrate}\n\n${byFunction}`;
}

function stepTable({ value }) {
  const us = (number) => (number === undefined ? '–' : short(1000 * number));
  const steps = Object.entries(STEPS);
  const total = (runtime) => steps.filter(([, { times }]) => times > 0).reduce((sum, [name, { times }]) => sum + times * value(runtime, name, 'step'), 0);
  const part = (name, times) => (times === 0 ? '–' : `${((100 * times * value('workerd', name, 'step')) / total('workerd')).toFixed(0)} %`);
  const lines = steps.map(([name, { times, title, when }]) => [title, when, times === 0 ? '–' : `${times}×`, us(value('workerd', name, 'step')), part(name, times), us(value('native', name, 'step'))]);
  lines.push(['**the steps of a pass together**', '', '', us(total('workerd')), '100 %', us(total('native'))]);
  lines.push(['Relay Edge, measured as a whole', '', '', us(value('workerd', 'relay-edge', 'blind+finalize')), '', '–']);
  lines.push([`${TITLES.native.split(',')[0]}, measured as a whole, natively`, '', '', '–', '', us(value('native', 'native', 'blind+finalize'))]);
  return table(['step', 'in', 'per pass', 'µs in workerd', 'share', 'µs natively'], lines);
}

/** What each mend would save, in milliseconds, the greatest first. */
export function mends({ value }) {
  const steps = Object.fromEntries(Object.keys(STEPS).map((name) => [name, value('workerd', name, 'step')]));
  const others = { webcryptoVerify: value('workerd', 'webcrypto', 'verify') };
  return MENDS.map(({ title, taken, saves }) => ({ title, taken, ms: saves(steps, others) })).sort((a, b) => b.ms - a.ms);
}

function mendTable(find) {
  const now = find.value('workerd', 'relay-edge', 'blind+finalize');
  const left = mends(find).filter(({ taken }) => !taken).slice(0, 3);
  const lines = left.map(({ title, ms }, index) => [String(index + 1), title, short(1000 * ms), `${((100 * ms) / now).toFixed(0)} %`, short(1000 * (now - ms))]);
  return table(['', 'what', 'saves, µs', 'of a pass today', 'with it alone a pass takes, µs'], lines);
}

/** The plot: blind and finalize, by runtime. @param {any} results */
export function cryptoPlot(results) {
  const { value, runtimes } = finder(results);
  const plain = (id) => TITLES[id].replaceAll('`', '');
  const groups = runtimes.map((runtime) => ({
    title: RUNTIME_TITLES[runtime],
    bars: IDS.map((id) => ({ label: plain(id), value: value(runtime, id, 'blind+finalize'), kind: id === 'relay-edge' ? 'ours' : 'other' })),
  }));
  const native = value('native', 'native', 'blind+finalize');
  if (native !== undefined) groups.push({ title: 'Natively', bars: [{ label: 'blind-rsa-signatures', value: native, kind: 'third' }] });
  return barPlot({
    title: 'Blinding and finalizing a pass, RSA-2048: milliseconds, on a logarithmic scale',
    description: groups.map(({ title, bars }) => `${title}: ${bars.map((bar) => `${bar.label} ${short(bar.value)} ms`).join(', ')}`).join('. '),
    unit: 'ms',
    groups,
  });
}

/** @param {string[]} head @param {string[][]} lines */
export function table(head, lines) {
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
