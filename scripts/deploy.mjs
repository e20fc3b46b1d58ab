// `npm run deploy`: builds, then `wrangler deploy` with the same arguments. `-- --dry-run` needs no account.
//
// The KV namespace in wrangler.toml has no id: wrangler makes it in the account at the first deployment, and finds it again
// by the Worker's binding. The id is put there by hand (docs/deploying.md), for wrangler leaves a TOML file with comments alone.

import './lib/node_version.mjs';
import { spawn } from 'node:child_process';
import { build } from './build.mjs';
import { inRoot, isProgram, progress, root, runProgram } from './lib/program.mjs';
import { quietTools } from './lib/run.mjs';

async function main(argv) {
  await build();
  progress('Deploying with wrangler …');
  return new Promise((resolve, reject) => {
    // With the terminal, because wrangler may ask for a login.
    const wrangler = spawn(process.execPath, [inRoot('node_modules/wrangler/bin/wrangler.js'), 'deploy', ...argv], {
      cwd: root,
      env: { ...process.env, ...quietTools },
      stdio: 'inherit',
    });
    wrangler.on('error', reject);
    wrangler.on('close', (code) => resolve(code ?? 1));
  });
}

if (isProgram(import.meta.url)) await runProgram(main);
