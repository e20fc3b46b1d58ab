// The command line: `parseArgs` of Node, with the answers our commands give to a mistake.

import util from 'node:util';
import { Problem } from './program.mjs';

/**
 * @param {string[]} argv
 * @param {import('node:util').ParseArgsConfig['options']} options
 * @param {{ command: string, positionals?: boolean }} about how the user typed the command, for the message
 * @returns {{ values: Record<string, any>, positionals: string[] }}
 * @throws {Problem} with exit code 2 for a flag that does not exist or has a wrong value
 */
export function readArgs(argv, options, { command, positionals = false }) {
  try {
    return util.parseArgs({ args: argv, options, strict: true, allowPositionals: positionals });
  } catch (error) {
    const [mistake] = error.message.split(/\. |\n/);
    throw new Problem(`${mistake.replace(/\.$/, '')}: \`${command} -- --help\` lists what it takes.`, { exitCode: 2 });
  }
}

/** Reads `--port`: 0, which means any free port, to 65535. */
export function readPort(text) {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) {
    throw new Problem(`--port takes a number from 0 to 65535, not \`${text}\`.`, { exitCode: 2 });
  }
  return Number(text);
}
