// docs/benchmarks.md and the plots: everything in them that is a number is written here, from the JSON in bench/results/.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, Problem } from '../../scripts/lib/program.mjs';
import { cryptoDemands, cryptoPlot, cryptoTables, table } from './crypto_tables.mjs';
import { gatewayDemands, gatewayPlot, gatewayTables } from './gateway_tables.mjs';
import { sizeDemands, sizeTables } from './size_tables.mjs';

const PAGE = 'docs/benchmarks.md';

/** Where the committed results are. */
export const RESULTS = 'bench/results';

/** @param {'crypto' | 'gateway' | 'size'} name @param {object} results @param {string} folder */
export function writeResults(name, results, folder) {
  const file = path.resolve(inRoot(), folder, `${name}.json`);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 1)}\n`);
  return file;
}

/** @param {'crypto' | 'gateway' | 'size'} name @param {string} [folder] @returns {any} `undefined` when there are none */
export function readResults(name, folder = RESULTS) {
  const file = path.resolve(inRoot(), folder, `${name}.json`);
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

/**
 * Everything that is drawn from the committed results: the page and the plots, by file.
 *
 * @returns {Record<string, string>}
 */
export function draw() {
  const [crypto, gateway, size] = [readResults('crypto'), readResults('gateway'), readResults('size')];
  const places = {
    ...(size && { ...sizeTables(size), 'size-demands': demandTable(sizeDemands(size)) }),
    ...(crypto && { ...cryptoTables(crypto), 'crypto-run': runTable(crypto.about), 'crypto-demands': demandTable(cryptoDemands(crypto)) }),
    ...(gateway && { ...gatewayTables(gateway), 'gateway-run': runTable(gateway.about), 'gateway-demands': demandTable(gatewayDemands(gateway)) }),
  };
  let page = readFileSync(inRoot(PAGE), 'utf8');
  for (const [name, text] of Object.entries(places)) page = put(page, name, text);
  return {
    [PAGE]: page,
    ...(crypto && { 'docs/benchmark-passes.svg': cryptoPlot(crypto) }),
    ...(gateway && { 'docs/benchmark-gateway.svg': gatewayPlot(gateway) }),
  };
}

/** Writes what {@link draw} answers. */
export function writePage() {
  for (const [file, text] of Object.entries(draw())) writeFileSync(inRoot(file), text);
}

/** The demands as lines, for whoever runs the bench. */
export function demandLines(demands) {
  return demands.map(({ what, demanded, measured, met }) => `${met ? 'met    ' : 'NOT MET'}  ${what.replaceAll('`', '')}: ${measured}, demanded: ${demanded}\n`).join('');
}

function put(page, name, text) {
  const place = new RegExp(`(<!-- bench: ${name} -->\n)[\\s\\S]*?(<!-- end -->)`);
  if (!place.test(page)) throw new Problem(`${PAGE} has no place for \`${name}\`: a comment \`<!-- bench: ${name} -->\` and an end.`);
  return page.replace(place, (_, before, after) => `${before}\n${text}\n\n${after}`);
}

function demandTable(demands) {
  return table(['what', 'demanded', 'measured', ''], demands.map(({ what, demanded, measured, met }) => [what, demanded, measured, met ? 'met' : '**not met**']));
}

function runTable({ date, command, machine, clock, versions }) {
  const lines = Object.entries({ date, command: `\`${command}\``, machine, ...(clock && { clock }), ...versions }).map(([name, value]) => [name, value]);
  return table(['', ''], lines);
}
