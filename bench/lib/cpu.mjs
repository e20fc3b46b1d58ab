// CPU time of other processes, from Linux's /proc: unlike the clock on the wall it does not count what else the machine does.

import { existsSync, readFileSync, readdirSync } from 'node:fs';

/** Whether this system tells. */
export const hasCpuClock = existsSync('/proc/self/schedstat');

/** Milliseconds that all threads of a process have run. @param {number} pid */
export function cpuMsOf(pid) {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + ranMs(`/proc/${pid}/task/${thread}/schedstat`), 0);
}

/** Milliseconds that its first thread has run, which is the one that JavaScript runs on. @param {number} pid */
export function mainThreadMsOf(pid) {
  return ranMs(`/proc/${pid}/task/${pid}/schedstat`);
}

function ranMs(file) {
  try {
    return Number(readFileSync(file, 'utf8').split(' ')[0]) / 1e6;
  } catch {
    return 0; // a thread that has ended meanwhile
  }
}

/** The workerd that is a child of this process: the newest, should another still be ending. */
export function ownWorkerd() {
  const found = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return stat.includes('(workerd)') && Number(stat.split(') ').at(-1).split(' ')[1]) === process.pid;
      } catch {
        return false; // ended meanwhile
      }
    });
  return Math.max(...found.map(Number));
}
