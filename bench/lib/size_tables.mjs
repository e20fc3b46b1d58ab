// The tables of `npm run size`, from its results.

import { table } from './crypto_tables.mjs';

/** What is demanded of promise 3, in bytes with gzip. The budgets that a build keeps are in scripts/lib/size.mjs. */
const DEMANDED = { wasm: 62_000, worker: 120_000 };

/** Smaller parts stand together in one line. */
const LISTED = 16;

const TITLES = { wasm: '`relay_edge_bg.wasm`', javascript: "the Worker's JavaScript, minified", worker: 'the deployed Worker: both' };

const kB = (bytes) => (bytes / 1000).toFixed(1);

/** @param {any} results @returns {{ what: string, demanded: string, measured: string, met: boolean }[]} */
export function sizeDemands({ shipped }) {
  return Object.entries(DEMANDED).map(([name, most]) => ({
    what: `${TITLES[name]}, gzip`,
    demanded: `under ${kB(most)} kB`,
    measured: `${kB(shipped[name].gzip)} kB`,
    met: shipped[name].gzip < most,
  }));
}

/** @param {any} results @returns {Record<string, string>} by the name of their place on the page */
export function sizeTables({ shipped, budgets, parts }) {
  const sizes = Object.entries(TITLES).map(([name, title]) => {
    const { raw, gzip, brotli } = shipped[name];
    return [title, kB(raw), kB(gzip), kB(brotli), name in budgets ? kB(budgets[name]) : ''];
  });
  const [listed, others] = [parts.slice(0, LISTED), parts.slice(LISTED)];
  const sum = (figure) => others.reduce((total, part) => total + part[figure], 0);
  const rows = [...listed, { name: `${others.length} more`, functions: sum('functions'), raw: sum('raw'), gzip: sum('gzip') }];
  return {
    'size-shipped': table(['kB', 'raw', 'gzip', 'brotli', 'budget, gzip'], sizes),
    'size-parts': table(['crate or module', 'functions', 'raw, kB', 'gzip, kB'], rows.map(({ name, functions, raw, gzip }) => [name.startsWith('(') || / more$/.test(name) ? name : `\`${name}\``, functions || '', kB(raw), kB(gzip)])),
  };
}
