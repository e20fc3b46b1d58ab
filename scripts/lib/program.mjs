// What every script here shares: where things are, how to say what goes on, and how to end.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** A path inside the checkout. */
export const inRoot = (...parts) => path.join(root, ...parts);

/** A failure that the user can mend: its message is one sentence, printed without a stack. */
export class Problem extends Error {
  /**
   * @param {string} message what is missing or wrong, and what to do
   * @param {{ exitCode?: number, cause?: unknown }} [options] exit code 2 is for a wrong command line
   */
  constructor(message, { exitCode = 1, cause } = {}) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** Says on stderr what takes long just now; stdout is kept for results. */
export function progress(text) {
  process.stderr.write(`${text}\n`);
}

/** Whether the module with this `import.meta.url` is the program that was started. */
export function isProgram(moduleUrl) {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === fileURLToPath(moduleUrl);
}

/** Runs `main` and turns what it throws into an exit code: one sentence for a {@link Problem}, the stack for a bug. */
export async function runProgram(main) {
  try {
    process.exitCode = (await main(process.argv.slice(2))) ?? 0;
  } catch (error) {
    if (error instanceof Problem) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.exitCode;
    } else {
      process.stderr.write(`${error?.stack ?? error}\n`);
      process.exitCode = 1;
    }
  }
}
