// The files of examples/gateway/ as a user runs them: in a project that has installed the package, in a process of their own.

import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot, Problem } from './program.mjs';
import { cleanEnvironment, findRuntime } from './runtimes.mjs';

/** By runtime. `args` is what stands behind the command in the first lines of the example. */
export const EXAMPLES = {
  deno: { runtime: 'deno', args: ['run', '--allow-net', '--allow-env', '--allow-read', '--allow-write', 'deno.ts'] },
  bun: { runtime: 'bun', args: ['bun.ts'] },
  node: { runtime: 'node22', args: ['node.mjs'] },
};

/** @param {keyof typeof EXAMPLES} name @returns {{ command: string[] } | { missing: string }} */
export function exampleCommand(name) {
  const { runtime, args } = EXAMPLES[name];
  const found = (runtimes[name] ??= findRuntime(runtime));
  return 'missing' in found ? found : { command: [found.command[0], ...args] };
}

/**
 * @param {keyof typeof EXAMPLES} name
 * @param {import('node:child_process').SpawnOptions & { env: Record<string, string>, file?: string }} options `env`: and of our own
 *   environment only what a program needs to run, nothing that a gateway reads. `file`: one of {@link exampleProject} to be
 *   run instead of the example
 * @returns {import('node:child_process').ChildProcess}
 * @throws {Problem} when there is no such runtime here
 */
export function spawnExample(name, { env, file, ...options }) {
  const example = exampleCommand(name);
  if ('missing' in example) throw new Problem(`The gateway can't run here: ${example.missing}.`);
  const [program, ...args] = example.command;
  if (file !== undefined) args.splice(-1, 1, file);
  return spawn(program, args, { cwd: exampleProject(), env: { ...plainEnvironment(), ...env }, ...options });
}

/** The folder of that project, until this process ends. */
export function exampleProject() {
  return (project ??= makeProject());
}

const runtimes = {};
let project;

function makeProject() {
  const folder = inRoot('build/examples', String(process.pid));
  rmSync(folder, { recursive: true, force: true });
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  symlinkSync(inRoot('pkg'), path.join(folder, 'node_modules/relay-edge'));
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ private: true, dependencies: { 'relay-edge': '*' } }));
  for (const file of readdirSync(inRoot('examples/gateway'))) copyFileSync(inRoot('examples/gateway', file), path.join(folder, file));
  return folder;
}

function plainEnvironment() {
  const keep = ['PATH', 'HOME', 'TMPDIR', 'NO_COLOR'];
  return Object.fromEntries(Object.entries(cleanEnvironment()).filter(([name]) => keep.includes(name)));
}
