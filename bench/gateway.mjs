// `npm run bench:gateway`: the gateway under load, against a bare Worker and a plain JavaScript one, and as relays pile up.

import '../scripts/lib/node_version.mjs';
import { existsSync } from 'node:fs';
import { readArgs } from '../scripts/lib/args.mjs';
import { isProgram, Problem, runProgram } from '../scripts/lib/program.mjs';

const HELP = `npm run bench:gateway [-- OPTIONS]

Runs the gateway in workerd, in both modes, a bare Worker that makes the same calls and does nothing else, the same with 64 objects
for all relays, and a plain JavaScript Worker with @cloudflare/blindrsa-ts, puts load on each endpoint and on whole relays, and
measures what a relay costs as they pile up. Takes about fifteen minutes. Linux only: it reads /proc.

  --seconds N      for each endpoint at full load; its own time is measured four times as long. Default: 2
  --full           up to 100,000 stored relays instead of 10,000, which takes about twenty-five minutes
  --quick          a few seconds. For seeing that it works; the numbers are no good
  --out FOLDER     where gateway.json goes. Default: build/bench/results
  --write          keeps the results in bench/results/, and draws docs/benchmarks.md and its plots from there
`;

const EFFORTS = {
  usual: { connections: [1, 16, 256], seconds: 2, calmSeconds: 8, rounds: 4, warmSeconds: 10, stored: [1_000, 10_000], growthRelays: 40, growthBatches: 24, objectsSeconds: 11, restSeconds: 20 },
  full: { connections: [1, 16, 256], seconds: 2, calmSeconds: 8, rounds: 4, warmSeconds: 10, stored: [1_000, 10_000, 100_000], growthRelays: 40, growthBatches: 24, objectsSeconds: 11, restSeconds: 20 },
  quick: { connections: [1, 16], seconds: 0.1, calmSeconds: 0.2, rounds: 1, warmSeconds: 0.3, stored: [20, 40], growthRelays: 2, growthBatches: 5, objectsSeconds: 0, restSeconds: 0 },
};

async function main(argv) {
  const options = {
    seconds: { type: 'string' }, full: { type: 'boolean' }, quick: { type: 'boolean' }, out: { type: 'string', default: 'build/bench/results' },
    write: { type: 'boolean' }, help: { type: 'boolean' },
  };
  const { values } = readArgs(argv, options, { command: 'npm run bench:gateway' });
  if (values.help) return void process.stdout.write(HELP);
  if (!existsSync('/proc/self/stat')) throw new Problem('npm run bench:gateway reads the CPU time of workerd from /proc, which this system does not have: run it on Linux.');
  const effort = { ...EFFORTS[values.quick ? 'quick' : values.full ? 'full' : 'usual'] };
  if (values.seconds !== undefined) {
    const seconds = Number(values.seconds);
    if (!(seconds > 0 && seconds <= 600)) throw new Problem(`--seconds takes a number up to 600, not \`${values.seconds}\`.`, { exitCode: 2 });
    Object.assign(effort, { seconds, calmSeconds: 4 * seconds });
  }
  if (values.write && values.quick) throw new Problem('--write keeps the results of whole runs only: leave out --quick.', { exitCode: 2 });
  const { buildWorkers } = await import('./lib/build.mjs');
  await buildWorkers();
  // Imported only after the set-up: they need npm packages.
  const { measureGateway } = await import('./lib/gateway.mjs');
  const { gatewayDemands, gatewayTables } = await import('./lib/gateway_tables.mjs');
  const { aboutRun } = await import('./lib/machine.mjs');
  const { demandLines, RESULTS, writePage, writeResults } = await import('./lib/page.mjs');

  // Through `exit`, where the stores of a run that is stopped are thrown away.
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const measured = await measureGateway(effort);
  const command = ['npm run bench:gateway', ...(argv.length > 0 ? ['--', ...argv] : [])].join(' ');
  const results = { about: aboutRun({ command, runtimes: ['workerd'] }), effort, ...measured };
  const file = writeResults('gateway', results, values.write ? RESULTS : values.out);
  if (values.write) writePage();

  const { calm, full, growth, limit } = gatewayTables(results);
  process.stdout.write(`${[calm, full, growth, limit].join('\n\n')}\n\n${demandLines(gatewayDemands(results))}\n${file}\n`);
}

if (isProgram(import.meta.url)) await runProgram(main);
