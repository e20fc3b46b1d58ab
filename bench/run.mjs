// `npm run bench`: blind RSA, the package against everyone, in every runtime.

import '../scripts/lib/node_version.mjs';
import { readArgs } from '../scripts/lib/args.mjs';
import { isProgram, Problem, runProgram } from '../scripts/lib/program.mjs';
import { RUNTIMES } from './lib/names.mjs';

const HELP = `npm run bench [-- OPTIONS]

Times the package, @cloudflare/blindrsa-ts, plain BigInt, blind-rsa-signatures natively and in wasm, WebCrypto and OpenSSL, all in
turn, and prints ratios. Takes about four minutes, and some more where things have to be compiled first.

  --runtimes LIST  some of workerd,deno,bun,node. Default: all
  --rounds N       samples of each operation. Default: 31
  --quick          a few seconds: workerd and Node, three rounds. For seeing that it works; the numbers are no good
  --out FOLDER     where crypto.json goes. Default: build/bench/results
  --write          keeps the results in bench/results/, and draws docs/benchmarks.md and its plots from there
  --draw           measures nothing: draws them again
`;

const EFFORTS = {
  usual: { rounds: 31, sampleMs: 10, warmUpMs: 250, fresh: 9, profileMs: 6000 },
  quick: { rounds: 3, sampleMs: 1, warmUpMs: 1, fresh: 1, profileMs: 400 },
};

async function main(argv) {
  const options = {
    runtimes: { type: 'string' }, rounds: { type: 'string' }, quick: { type: 'boolean' }, out: { type: 'string', default: 'build/bench/results' },
    write: { type: 'boolean' }, draw: { type: 'boolean' }, help: { type: 'boolean' },
  };
  const { values } = readArgs(argv, options, { command: 'npm run bench' });
  if (values.help) return void process.stdout.write(HELP);
  const runtimes = values.runtimes?.split(',') ?? (values.quick ? ['workerd', 'node'] : RUNTIMES);
  const unknown = runtimes.find((runtime) => !RUNTIMES.includes(runtime));
  if (unknown !== undefined) throw new Problem(`--runtimes knows ${RUNTIMES.join(', ')}, not \`${unknown}\`.`, { exitCode: 2 });
  const effort = { ...EFFORTS[values.quick ? 'quick' : 'usual'] };
  if (values.rounds !== undefined) effort.rounds = readCount('--rounds', values.rounds);

  const inWorkerd = runtimes.includes('workerd');
  if (values.write && (values.quick || !inWorkerd)) throw new Problem('--write keeps the results of whole runs only: leave out --quick, and do not leave out workerd.', { exitCode: 2 });

  // What needs npm packages is imported only after the set-up.
  const { setup } = await import('../scripts/setup.mjs');
  await setup();
  const { writePage, writeResults, RESULTS, demandLines } = await import('./lib/page.mjs');
  if (values.draw) return writePage();
  const { buildContenders } = await import('./lib/build.mjs');
  await buildContenders();
  const { measureCrypto } = await import('./lib/crypto.mjs');
  const { measureProfile } = await import('./lib/profile.mjs');
  const { aboutRun } = await import('./lib/machine.mjs');
  const { cryptoDemands, cryptoTables } = await import('./lib/crypto_tables.mjs');

  const measured = await measureCrypto({ runtimes, effort });
  const profile = await measureProfile({ ms: effort.profileMs });
  const command = ['npm run bench', ...(argv.length > 0 ? ['--', ...argv] : [])].join(' ');
  const results = { about: aboutRun({ command, runtimes }), effort, ...measured, profile };
  const file = writeResults('crypto', results, values.write ? RESULTS : values.out);
  if (values.write) writePage();

  const { ratios, runtimes: byRuntime, ...more } = cryptoTables(results);
  const tables = [ratios, byRuntime, ...(inWorkerd ? [more.sizes, more.steps, more.mends] : [])];
  process.stdout.write(`${tables.join('\n\n')}\n\n${inWorkerd ? demandLines(cryptoDemands(results)) : ''}\n${file}\n`);
}

/** A whole number from 1. @param {string} flag @param {string} text */
function readCount(flag, text) {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new Problem(`${flag} takes a whole number from 1, not \`${text}\`.`, { exitCode: 2 });
  return Number(text);
}

if (isProgram(import.meta.url)) await runProgram(main);
