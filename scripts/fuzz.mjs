// `npm run fuzz`: libFuzzer on everything that reads what somebody else wrote (fuzz/). What it finds is in build/fuzz/.

import './lib/node_version.mjs';
import { mkdirSync, readdirSync } from 'node:fs';
import { readArgs } from './lib/args.mjs';
import { cargoTool } from './lib/cargo_tool.mjs';
import { inRoot, isProgram, Problem, progress, runProgram } from './lib/program.mjs';
import { must, run } from './lib/run.mjs';
import { whenChanged } from './lib/stamp.mjs';

const CARGO_FUZZ = '0.13.1';
const OUT = 'build/fuzz';

const HELP = `npm run fuzz [-- TARGET…] [--seconds N]

Makes the fuzzer, once (two minutes or more), and runs each target on what is in fuzz/corpus/ and was found before. An input that
fails is in ${OUT}/failures/. Put it into fuzz/corpus/TARGET/, where every \`cargo test\` reads it, and mend what it shows.

  --seconds N   for each target (default: 60)
  --help        this text

Targets: `;

/** The folders of the corpus. */
const targets = () => readdirSync(inRoot('fuzz/corpus')).sort();

/** Compiled with the pinned toolchain, which takes the options of a nightly one only when it is told to. */
const NIGHTLY_OPTIONS = { RUSTC_BOOTSTRAP: '1' };

async function fuzzer() {
  const tool = await cargoTool('cargo-fuzz', { version: CARGO_FUZZ });
  const triple = (await must('Asking rustc for its target', 'rustc', ['--print', 'host-tuple'])).trim();
  const program = `${OUT}/target/${triple}/release/parsers`;
  await whenChanged({
    name: 'fuzz',
    inputs: ['fuzz/Cargo.toml', 'fuzz/Cargo.lock', 'fuzz/src', 'src', 'Cargo.toml', 'rust-toolchain.toml'],
    outputs: [program],
    async work() {
      progress('Compiling the fuzzer …');
      const build = ['build', '--fuzz-dir', 'fuzz', '--target-dir', `${OUT}/target`, '--sanitizer', 'address', 'parsers'];
      await must('Compiling the fuzzer', tool, build, { env: NIGHTLY_OPTIONS, show: 'stderr' });
    },
  });
  return inRoot(program);
}

/** One target. Answers its line of the report, and whether it failed. */
async function fuzz(program, target, seconds) {
  const [found, failures, corpus] = [`${OUT}/corpus/${target}`, `${OUT}/failures`, `fuzz/corpus/${target}`];
  for (const folder of [found, failures]) mkdirSync(inRoot(folder), { recursive: true });
  const env = { RELAY_EDGE_FUZZ_TARGET: target, ASAN_OPTIONS: 'detect_odr_violation=0' };
  const result = await run(program, [
    found, corpus, `-max_total_time=${seconds}`, '-print_final_stats=1', '-timeout=10', '-rss_limit_mb=2048',
    `-artifact_prefix=${failures}/${target}-`,
  ], { env });
  const stat = (name) => Number(new RegExp(`^stat::${name}: *(\\d+)`, 'm').exec(result.output)?.[1] ?? 0);
  const covered = [...result.output.matchAll(/ cov: (\d+)/g)].at(-1)?.[1] ?? '?';
  const executed = stat('number_of_executed_units');
  if (result.code !== 0) process.stderr.write(result.output.split('\n').slice(-60).join('\n'));
  const inputs = `${readdirSync(inRoot(corpus)).length} in the corpus`;
  return { ok: result.code === 0, executed, line: `${target.padEnd(18)} ${String(executed).padStart(10)} inputs, ${String(covered).padStart(5)} edges, ${inputs}${result.code === 0 ? '' : ', FAILED'}` };
}

async function main(argv) {
  const options = { seconds: { type: 'string', default: '60' }, help: { type: 'boolean' } };
  const { values, positionals } = readArgs(argv, options, { command: 'npm run fuzz', positionals: true });
  if (values.help) return void process.stdout.write(`${HELP}${targets().join(', ')}.\n`);
  if (!/^[1-9]\d{0,6}$/.test(values.seconds)) throw new Problem(`--seconds takes a whole number from 1, not \`${values.seconds}\`.`, { exitCode: 2 });
  const unknown = positionals.find((name) => !targets().includes(name));
  if (unknown !== undefined) throw new Problem(`There is no target \`${unknown}\`: the targets are ${targets().join(', ')}.`, { exitCode: 2 });

  const program = await fuzzer();
  const chosen = positionals.length > 0 ? positionals : targets();
  let total = 0;
  const failed = [];
  for (const target of chosen) {
    const { ok, executed, line } = await fuzz(program, target, Number(values.seconds));
    process.stdout.write(`${line}\n`);
    total += executed;
    if (!ok) failed.push(target);
  }
  process.stdout.write(`${total} inputs in ${chosen.length} targets, ${failed.length === 0 ? 'no failure' : `failed: ${failed.join(', ')}`}\n`);
  return failed.length > 0 ? 1 : 0;
}

if (isProgram(import.meta.url)) await runProgram(main);
