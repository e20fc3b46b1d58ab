// Running other programs.

import { spawn } from 'node:child_process';
import { Problem, root } from './program.mjs';

/** Keeps wrangler and miniflare from asking, reporting or fetching anything on the way. */
export const quietTools = {
  WRANGLER_SEND_METRICS: 'false',
  CLOUDFLARE_CF_FETCH_ENABLED: 'false',
};

// What cargo, rustup and npm print when a host cannot be reached.
const NETWORK_FAILURE = new RegExp(
  [
    'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT',
    "could( not|n't) resolve|failed to resolve|dns error",
    "could( not|n't) connect|failed to connect|error sending request|timeout was reached",
    'failed to download|download of .* failed|could not download|spurious network error|network failure',
  ].join('|'),
  'i',
);

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} [options]
 * @param {Record<string, string | undefined>} [options.env] added to the environment; `undefined` takes a name out
 * @param {'stdout' | 'stderr' | 'hide'} [options.show] where its output goes besides the result
 * @param {string} [options.cwd]
 * @returns {Promise<{ code: number | null, stdout: string, output: string, missing: boolean }>} `missing`: there is no
 *   such program
 */
export function run(command, args, { env = {}, show = 'hide', cwd = root } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let output = '';
    const take = (stream, isStdout) =>
      stream.setEncoding('utf8').on('data', (text) => {
        output += text;
        if (isStdout) stdout += text;
        if (show === 'stdout' && isStdout) process.stdout.write(text);
        else if (show !== 'hide') process.stderr.write(text);
      });
    take(child.stdout, true);
    take(child.stderr, false);
    child.on('error', (error) =>
      error.code === 'ENOENT' ? resolve({ code: null, stdout, output, missing: true }) : reject(error),
    );
    child.on('close', (code) => resolve({ code, stdout, output, missing: false }));
  });
}

/**
 * Runs a step that has to succeed.
 *
 * @param {string} what names the step in the sentence that a failure gives
 * @returns {Promise<string>} its standard output
 * @throws {Problem} when it fails; a lack of network is told apart from the rest
 */
export async function must(what, command, args, options = {}) {
  const result = await run(command, args, options);
  if (result.missing) {
    throw new Problem(`${what} failed, for there is no program \`${command}\`: install it and run the command again.`);
  }
  if (result.code === 0) return result.stdout;
  if (NETWORK_FAILURE.test(result.output)) throw noNetwork(what);
  if ((options.show ?? 'hide') === 'hide') process.stderr.write(result.output);
  throw new Problem(`${what} failed with exit code ${result.code}: what it printed stands above.`);
}

/** The sentence for a registry that cannot be reached. */
function noNetwork(what) {
  return new Problem(
    `${what} needs the network, and it could not be reached: connect, or check the proxy settings, and run the command again.`,
  );
}
