/**
 * The runtimes as the bench sees them. A subject is
 *
 *   ask(command) -> answer                     a command of bench/contenders/bench.mjs
 *   clock(command) -> { answer, ms }           the same, timed, with the transport: CPU time of the thread that JavaScript runs on
 *   time(run) -> ms                            how long `run.times` repetitions took: CPU time of the whole process
 *   close()
 *
 * Where the system does not tell CPU time, it is what passes.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { inRoot, Problem } from '../../scripts/lib/program.mjs';
import { cleanEnvironment, findRuntime } from '../../scripts/lib/runtimes.mjs';
import { built } from './build.mjs';
import { cpuMsOf, hasCpuClock, mainThreadMsOf } from './cpu.mjs';
import { IDS } from './names.mjs';
import { startWorkers } from './workerd.mjs';

const ENTRIES = { node: 'pkg/node.js', deno: 'pkg/deno.js', bun: 'pkg/bun.js' };

/**
 * @param {string} runtime of names.mjs
 * @param {{ ids?: string[], steps?: boolean }} [options] `ids`: which contenders are loaded; `steps`: bench/crate as well
 */
export async function startSubject(runtime, { ids = IDS, steps = false } = {}) {
  if (runtime === 'workerd') {
    const { workers: [worker], close } = await startWorkers([{ ids, steps }]);
    return { ...worker, close };
  }
  return startProcess(runtime, { ids, steps });
}

/** A Worker for each contender in one fresh workerd, or a fresh process for each: who is called for the first time. */
export async function startFresh(runtime, ids) {
  if (runtime === 'workerd') {
    const { workers, close } = await startWorkers(ids.map((id) => ({ ids: [id], steps: false })));
    return { subject: async (id) => workers[ids.indexOf(id)], close };
  }
  const started = [];
  return {
    async subject(id) {
      const subject = await startProcess(runtime, { ids: [id], steps: false });
      started.push(subject);
      return subject;
    },
    close: () => started.forEach((subject) => subject.close()),
  };
}

/** Why a runtime can't be had, if it can't. */
export function missing(runtime) {
  if (runtime === 'workerd' || runtime === 'node') return undefined;
  return findRuntime(runtime).missing;
}

async function startProcess(runtime, { ids, steps }) {
  const absolute = ({ js, wasm }) => ({ js: inRoot(js), wasm: inRoot(wasm) });
  const task = {
    ids,
    pkg: inRoot(ENTRIES[runtime]),
    pkgWasm: inRoot('pkg/relay_edge_bg.wasm'),
    blindrsaTs: inRoot(built.blindrsaTs),
    untuned: absolute(built.untuned),
    ...(steps && { tuned: absolute(built.tuned) }),
  };
  const command = runtime === 'node' ? [process.execPath] : findRuntime(runtime).command;
  const { say, pid, close } = talk([...command, inRoot('bench/runtimes/process.mjs'), JSON.stringify(task)]);
  const { importMs } = JSON.parse(await say());
  const ask = async (order) => {
    const answer = JSON.parse(await say(JSON.stringify(order)));
    if (answer.error !== undefined) throw new Error(`${runtime}: ${answer.error}`);
    return answer;
  };
  // A clock that runs: nothing has to be taken off.
  const clock = async (command) => {
    const before = hasCpuClock ? mainThreadMsOf(pid) : 0;
    const { ms, ...answer } = await ask({ do: 'clock', command });
    return { answer, ms: hasCpuClock ? mainThreadMsOf(pid) - before : ms };
  };
  return { importMs, ask, clock, close, time: timer(pid, async (run) => (await ask({ do: 'run', ...run })).ms) };
}

/** blind-rsa-signatures by itself. */
export function startNative() {
  const { say, pid, close } = talk([inRoot(built.native)]);
  const hex = (text) => Buffer.from(text, 'base64url').toString('hex');
  const base64url = (text) => Buffer.from(text, 'hex').toString('base64url');
  const commands = {
    load: async ({ fixture: { bits, spki, message } }) => void (await say(`load ${bits} ${hex(spki)} ${hex(message)}`)),
    loadSteps: async ({ fixture: { spki, message, signature } }) => void (await say(['steps', ...[spki, message, signature].map(hex)].join(' '))),
    blinded: async ({ bits }) => ({ blinded: base64url(await say(`blinded ${bits}`)) }),
    finalized: async ({ bits, blindSig }) => ({ signature: base64url(await say(`finalized ${bits} ${hex(blindSig)}`)) }),
  };
  return {
    ask: (order) => commands[order.do](order),
    time: timer(pid, async ({ op, id, bits, times }) => Number(await say(`${op} ${op === 'step' ? id : bits} ${times}`)) / 1e6),
    close,
  };
}

/** CPU time instead of what `run` says, if there is a clock for it. The reading of a command is a part of it, some microseconds. */
function timer(pid, run) {
  if (!hasCpuClock) return run;
  return async (what) => {
    const before = cpuMsOf(pid);
    await run(what);
    return cpuMsOf(pid) - before;
  };
}

/** A program that answers a line with a line. `say()` without one waits for what it says by itself. */
function talk([command, ...args]) {
  const child = spawn(command, args, { cwd: inRoot(), env: cleanEnvironment(), stdio: ['pipe', 'pipe', 'inherit'] });
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.resolve(line));
  const ended = new Promise((_, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const problem = new Problem(`${command} ended (${signal ?? code}) before its time`);
      waiting.forEach(({ reject: tell }) => tell(problem));
      reject(problem);
    });
  });
  ended.catch(() => undefined);
  return {
    pid: child.pid,
    say: (line) =>
      Promise.race([
        ended,
        new Promise((resolve, reject) => {
          waiting.push({ resolve, reject });
          if (line !== undefined) child.stdin.write(`${line}\n`);
        }),
      ]),
    close: () => void child.kill('SIGKILL'),
  };
}

