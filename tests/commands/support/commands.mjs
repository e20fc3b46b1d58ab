// Runs the commands as a user does: through npm, in this checkout. What `npm start` keeps goes into a folder of the
// test's own, so that a developer's gateway is left alone.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

/** The environment of a command: without the variables by which Node's test runner finds its children. */
export function environment(extra = {}) {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return { ...env, ...extra };
}

/** A folder that is gone after the test. */
export function temporaryFolder(t) {
  const folder = mkdtempSync(path.join(tmpdir(), 'relay-edge-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs a program to its end; it is stopped after `seconds`. */
export function execute(command, args, { env = {}, cwd = root, seconds = 300, input } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: environment(env), timeout: seconds * 1000 });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdin.on('error', () => {}).end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
}

/** `npm run SCRIPT -- ARGS`, without what npm itself prints. */
export function npm(script, args = [], options) {
  return execute('npm', ['run', '--silent', script, '--', ...args], options);
}

/**
 * Starts a script that serves, and waits for its line `ready URL`.
 *
 * @returns {Promise<{ url: string, shown: () => string, stop: () => Promise<number | null> }>} `shown` is its stdout so far;
 *   `stop` presses Ctrl-C and answers the exit code
 */
export function serve(t, script, args = [], { env = {} } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [script, ...args], { cwd: root, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
    const ended = new Promise((end) => child.on('close', end));
    t.after(() => child.kill('SIGKILL'));
    let stdout = '';
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += text));
    child.stdout.setEncoding('utf8').on('data', (text) => {
      stdout += text;
      const url = /^ready (http:\/\/\S+)$/m.exec(stdout)?.[1];
      if (url === undefined) return;
      const stop = () => {
        child.kill('SIGINT');
        return ended;
      };
      resolve({ url, shown: () => stdout, stop });
    });
    ended.then((code) => reject(new Error(`${script} ended with ${code} before it was ready:\n${stdout}${stderr}`)));
  });
}
