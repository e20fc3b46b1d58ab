// Every command block in README.md is run by a test: this one. So is every JavaScript block.
//
// A `sh` block is read line by line, and each line has to be in the table below; a line that is not fails the test.
// Lines that no test can run as they stand have the reason beside them, and what is checked instead.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { startSimulator } from '../../simulator/index.mjs';
import { execute, root, serve, temporaryFolder } from './support/commands.mjs';

const API_KEY = 'persona_sandbox_readme';
const PRODUCTION_KEY = 'persona_production_readme';

/** The lines of the `sh` blocks; `run` gets the test's context and the match. */
const TABLE = [
  // Run as they stand.
  { line: /^npm (?:start -- --once|run build|run secrets(?: -- --id \w+)?|run deploy -- --dry-run)$/, run: succeeds },
  // Served until the line `ready`, then stopped; on any free port, for the usual one may be in use.
  { line: /^npm start$/, run: (t) => serves(t, 'scripts/start.mjs') },
  { line: /^npm run simulator$/, run: (t) => serves(t, 'simulator/cli.mjs') },
  { line: /^npm start -- --upstream (https?:\S+)$/, run: (t, [, url]) => serves(t, 'scripts/start.mjs', ['--upstream', url]) },
  // Needs an account: everything up to the upload is done.
  { line: /^npm run deploy$/, run: (t) => succeeds(t, ['npm run deploy -- --dry-run']) },
  { line: /^npx wrangler secret put (\w+)$/, run: secretExists },
  { line: /^npx wrangler login$/, run: (t) => succeeds(t, ['npx wrangler login --help']) },
  // Installs what was built here instead of what is published.
  { line: /^npm install relay-edge$/, run: installs },
  // This test runs in the clone.
  { line: /^git clone \S+(?: relay-edge)?$/ },
  { line: /^cd relay-edge$/ },
  // This test is part of it.
  { line: /^npm test(?: -- .*)?$/ },
];

async function succeeds(t, [command]) {
  const [program, ...args] = command.split(' ');
  const result = await execute(program, args, { env: { RELAY_EDGE_STATE: temporaryFolder(t), WRANGLER_SEND_METRICS: 'false' } });
  assert.equal(result.code, 0, `${command}\n${result.stdout}${result.stderr}`);
}

async function serves(t, script, args = []) {
  const server = await serve(t, script, [...args, '--port', '0'], { env: { RELAY_EDGE_STATE: temporaryFolder(t) } });
  assert.equal(await server.stop(), 0);
}

async function secretExists(t, [, name]) {
  await succeeds(t, ['npx wrangler secret put --help']);
  assert.ok(readFileSync(path.join(root, 'worker/env.ts'), 'utf8').includes(name), `the Worker reads no ${name}`);
}

async function installs(t) {
  const project = temporaryFolder(t);
  writeFileSync(path.join(project, 'package.json'), '{"private": true}');
  const args = ['install', '--offline', '--install-links', '--no-audit', path.join(root, 'pkg')];
  const result = await execute('npm', args, { cwd: project });
  assert.equal(result.code, 0, result.stderr);
}

/** A block with `curl` in it is a script against a running `npm start`: its port and its token are put in. */
async function runCurls(t, block) {
  const state = temporaryFolder(t);
  const gateway = await serve(t, 'scripts/start.mjs', ['--port', '0'], { env: { RELAY_EDGE_STATE: state } });
  const script = block
    .replaceAll(/http:\/\/(?:127\.0\.0\.1|localhost):8787/g, gateway.url)
    .replaceAll('.state/', `${state}/`);
  const strict = 'curl() { command curl -sS --fail-with-body "$@"; }\n';
  const result = await execute('bash', ['-euo', 'pipefail'], { input: strict + script });
  assert.equal(result.code, 0, script + result.stdout + result.stderr);
  assert.equal(await gateway.stop(), 0);
}

const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const blocks = [...readme.matchAll(/^```(\w*)[^\n]*\n(.*?)^```$/gms)].map(([, language, text], index) => ({
  language,
  text,
  name: `block ${index + 1} (${language || 'plain'})`,
}));

test('README.md has command blocks and JavaScript blocks, and no others that could be run', () => {
  const languages = new Set(blocks.map((block) => block.language));
  assert.ok(languages.has('sh') && languages.has('js'), [...languages].join(', '));
  for (const language of languages) {
    assert.ok(['sh', 'js', 'text', 'json', 'toml', 'mermaid', ''].includes(language), `use sh or js, not ${language}`);
  }
});

for (const { name, text } of blocks.filter((block) => block.language === 'sh')) {
  test(`${name} runs`, async (t) => {
    if (/^curl /m.test(text)) return runCurls(t, text);
    const lines = text.split('\n').map((line) => line.replace(/(^|\s+)#.*$/, '').trim()).filter(Boolean);
    for (const line of lines) {
      const entry = TABLE.find((candidate) => candidate.line.test(line));
      assert.ok(entry, `README.md has a command that no test knows: ${line}`);
      await t.test(line, async (inner) => entry.run?.(inner, entry.line.exec(line)));
    }
  });
}

for (const { name, text } of blocks.filter((block) => block.language === 'js')) {
  test(`${name} runs`, async (t) => {
    const simulator = await startSimulator({ apiKeys: { sandbox: [API_KEY], production: [PRODUCTION_KEY] } });
    t.after(() => simulator.close());
    const project = temporaryFolder(t);
    mkdirSync(path.join(project, 'node_modules'));
    symlinkSync(path.join(root, 'pkg'), path.join(project, 'node_modules/relay-edge'));
    const example = path.join(project, 'example.mjs');
    writeFileSync(example, text);
    const result = await execute(process.execPath, [path.join(root, 'tests/commands/support/run_example.mjs'), example], {
      cwd: project,
      env: {
        SIMULATOR_URL: simulator.url,
        PERSONA_API_KEY: /sandbox: true/.test(text) ? API_KEY : PRODUCTION_KEY,
      },
      seconds: 60,
    });
    assert.equal(result.code, 0, `${text}\n${result.stdout}${result.stderr}`);
  });
}
