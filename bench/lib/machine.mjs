// What was measured on, and with what.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import { inRoot } from '../../scripts/lib/program.mjs';
import { findRuntime } from '../../scripts/lib/runtimes.mjs';
import { hasCpuClock } from './cpu.mjs';
import { compatibilityDate } from './workerd.mjs';

/** @param {{ command: string, runtimes: string[] }} run @returns what results carry along */
export function aboutRun({ command, runtimes }) {
  const [cpu] = os.cpus();
  const version = (name) => JSON.parse(readFileSync(inRoot('node_modules', name, 'package.json'), 'utf8')).version;
  const rust = spawnSync('rustc', ['--version'], { cwd: inRoot(), encoding: 'utf8' }).stdout.trim();
  const versions = { node: `${process.versions.node} (OpenSSL ${process.versions.openssl}, V8 ${process.versions.v8})`, workerd: `${version('workerd')}, compatibility date ${compatibilityDate}` };
  for (const runtime of ['deno', 'bun']) if (runtimes.includes(runtime)) versions[runtime] = versionOf(runtime);
  return {
    clock: hasCpuClock ? 'CPU time' : 'time on the wall',
    date: new Date().toISOString().slice(0, 10),
    command,
    machine: `${cpu?.model.trim()}, ${os.cpus().length} cores, ${Math.round(os.totalmem() / 2 ** 30)} GB, ${os.type()} ${/^\d+\.\d+/.exec(os.release())?.[0] ?? os.release()}`,
    versions: { ...versions, rust, 'blindrsa-ts': version('@cloudflare/blindrsa-ts'), 'blind-rsa-signatures': '0.18.0' },
  };
}

function versionOf(runtime) {
  const found = findRuntime(runtime);
  if (found.missing !== undefined) return 'not on this machine';
  return spawnSync(found.command[0], ['--version'], { encoding: 'utf8' }).stdout.split('\n')[0].replace(/^\w+ /, '');
}
