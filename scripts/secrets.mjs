// `npm run secrets`: fresh values for the secrets of a gateway that are random, as NAME=value lines.

import './lib/node_version.mjs';
import { readArgs } from './lib/args.mjs';
import { isProgram, Problem, progress, runProgram } from './lib/program.mjs';
import { freshSecrets } from './lib/secrets.mjs';

const HELP = `npm run secrets -- [--id NAME]

Prints a fresh GATEWAY_TOKENS and STORE_KEYS, each one line NAME=value. Nothing is stored.

  --id NAME   whom the gateway token is for (default: main); letters, digits, "-" and "_"
  --help      this text
`;

async function main(argv) {
  const options = { id: { type: 'string', default: 'main' }, help: { type: 'boolean' } };
  const { values } = readArgs(argv, options, { command: 'npm run secrets' });
  if (values.help) return void process.stdout.write(HELP);
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(values.id)) {
    throw new Problem(`--id takes 1 to 64 letters, digits, "-" and "_", not \`${values.id}\`.`, { exitCode: 2 });
  }
  const secrets = freshSecrets(values.id);
  for (const [name, value] of Object.entries(secrets)) process.stdout.write(`${name}=${value}\n`);
  progress(
    `Store each with \`npx wrangler secret put NAME\` (${Object.keys(secrets).join(', ')}, and PERSONA_API_KEY); ` +
      'callers send the part of GATEWAY_TOKENS after the colon.',
  );
}

if (isProgram(import.meta.url)) await runProgram(main);
