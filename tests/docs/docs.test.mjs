// The pages agree with the code: codes, bindings, places and section titles that are named exist, links lead somewhere,
// and the examples of docs/integrating.md run as they stand. README.md's own blocks: tests/commands/readme.test.mjs.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { EXAMPLES } from '../../scripts/lib/example.mjs';
import { filesUnder } from '../../scripts/lib/stamp.mjs';
import { startSimulator } from '../../simulator/index.mjs';
import { startGateway } from '../support/gateway.mjs';
import { managedSecrets } from '../worker/support.mjs';
import { execute, root, serve, temporaryFolder } from '../commands/support/commands.mjs';

const read = (file) => readFileSync(path.join(root, file), 'utf8');
const PAGES = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', ...filesUnder('docs').filter((file) => file.endsWith('.md'))];
const CODE = ['src', 'worker', 'hosts', 'egress', 'examples', 'simulator', 'tests', 'scripts', 'bench', 'js', 'tools/wasm-bindgen/src', 'Cargo.toml', 'wrangler.toml']
  .flatMap((place) => filesUnder(place))
  .filter((file) => /\.(?:rs|ts|js|mjs|toml)$/.test(file) && !file.startsWith('tests/docs/'));

const withoutFences = (text) => text.replace(/^```.*?^```$/gms, '');

/** Titles of a page, as they stand. */
function headings(page) {
  return [...withoutFences(read(page)).matchAll(/^#{1,6} +(.+?) *$/gm)].map(([, title]) => title);
}

/** The anchor that GitHub gives a title. */
function slug(title) {
  return title.replaceAll('`', '').toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

/** Rows of all tables in a part of a page, each a list of cells. */
function rows(text) {
  return [...withoutFences(text).matchAll(/^\|(.+)\|$/gm)].map(([, row]) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()));
}

/** What stands under a title, up to the next one of its level or above. */
function section(page, title) {
  const lines = read(page).split('\n');
  const at = lines.findIndex((line) => line.replace(/^#+ /, '') === title);
  assert.ok(at >= 0, `${page} has no section "${title}"`);
  const level = /^#+/.exec(lines[at])[0].length;
  const end = lines.findIndex((line, index) => index > at && /^#+ /.test(line) && /^#+/.exec(line)[0].length <= level);
  return lines.slice(at, end < 0 ? undefined : end).join('\n');
}

function blocks(text, language) {
  return [...text.matchAll(/^[ ]*```(\w*)\n(.*?)^[ ]*```$/gms)].filter(([, found]) => found === language).map(([, , block]) => block);
}

// --- Codes -----------------------------------------------------------------------------------------------------------

/** The codes of js/index.d.ts. */
function sdkCodes() {
  const [, union] = /export type ErrorCode =([^;]+);/.exec(read('js/index.d.ts').replace(/\/\/.*$/gm, ''));
  return [...union.matchAll(/"([a-z_]+)"/g)].map(([, code]) => code);
}

/** The codes that worker/ spells out itself. */
function gatewayCodes() {
  const sources = filesUnder('worker').filter((file) => file.endsWith('.ts')).map(read).join('\n');
  const places = [
    /new GatewayError\(\s*[^,]+,\s*"([a-z_]+)"/g,
    /notFoundYet\(\s*"([a-z_]+)"/g,
    /unauthorized\([^\n]*?,\s*"([a-z_]+)"\)/g,
    /\bcode:? (?:=|===) "([a-z_]+)"/g,
    /\bcode: (?:string = )?"([a-z_]+)"/g,
  ];
  const found = new Set(places.flatMap((place) => [...sources.matchAll(place)].map(([, code]) => code)));
  // Whatever looks like a code is one, in case it is written in a way that the expressions above don't know.
  for (const [, word] of sources.matchAll(/"([a-z]+(?:_[a-z]+)+)"/g)) found.add(word);
  found.delete('record_invalid'); // the ledger looks for it, and it is answered as stored_record_invalid
  return [...found];
}

test('the tables of errors have every code, and none that there is not', () => {
  const sdk = new Set(sdkCodes());
  const gateway = new Set(gatewayCodes());
  assert.ok(sdk.size >= 23 && gateway.size >= 17, `${sdk.size} ${gateway.size}`);
  const table = rows(section('docs/integrating.md', 'Errors')).filter(([code]) => /^`[a-z_]+`$/.test(code));
  const listed = table.map(([code]) => code.replaceAll('`', ''));
  assert.deepEqual([...listed].sort(), [...new Set([...sdk, ...gateway])].sort());
  for (const [code, inGateway, inSdk] of table) {
    const name = code.replaceAll('`', '');
    assert.equal(inSdk !== '–', sdk.has(name), `${name} in the SDK`);
    // The gateway passes on what the SDK throws on its calls, so its column may have more than worker/ spells out.
    if (gateway.has(name)) assert.notEqual(inGateway, '–', `${name} in the gateway`);
  }
});

// --- Names and places ------------------------------------------------------------------------------------------------

test('docs/deploying.md explains every binding, and none that there is not', () => {
  const [, members] = /export interface Env \{(.*?)^\}/ms.exec(read('worker/env.ts'));
  const bindings = [...members.matchAll(/readonly (\w+)\??:/g)].map(([, name]) => name);
  assert.ok(bindings.length >= 7);
  const listed = rows(section('docs/deploying.md', 'Bindings')).map(([name]) => /^`([A-Z_]+)`$/.exec(name)?.[1]).filter(Boolean);
  assert.deepEqual(listed.sort(), bindings.sort());
});

test('docs/deploying.md explains every egress, and none that there is not', () => {
  const listed = rows(section('docs/deploying.md', 'What a redemption gives away')).flatMap(([cell]) => /^`([a-z+]+)`$/.exec(cell)?.[1] ?? []);
  const source = read('worker/egress.ts');
  const parts = [...source.matchAll(/"(service|custom|delayed|direct)"/g)].map(([, part]) => part);
  assert.deepEqual([...new Set(parts)].sort(), ['custom', 'delayed', 'direct', 'service']);
  assert.deepEqual(listed, ['direct', 'service', 'delayed', 'service+delayed', 'custom']);
  assert.match(read('docs/deploying.md'), new RegExp(`the max 1 to ${3 * 60 * 60} `));
});

test('docs/deploying.md: the binding of the egress and the delay are what a deployment takes', async (t) => {
  const text = section('docs/deploying.md', 'What a redemption gives away');
  const [binding] = blocks(text, 'toml');
  const [, delay] = /`(REDEEM_DELAY_S = "[^"]+")` under `\[vars\]`/.exec(text);
  const config = path.join(temporaryFolder(t), 'wrangler.toml');
  writeFileSync(config, `${read('wrangler.toml').replace('worker/index.ts', path.join(root, 'worker/index.ts'))}\n${binding}\n[vars]\n${delay}\n`);
  const deployed = await execute('npm', ['run', '--silent', 'deploy', '--', '--dry-run', '--config', config], { env: { WRANGLER_SEND_METRICS: 'false' } });
  assert.equal(deployed.code, 0, deployed.stdout + deployed.stderr);
  assert.match(deployed.stdout, /env\.EGRESS\b.*outbound/);
  assert.match(deployed.stdout, /env\.REDEEM_DELAY_S\b/);
  assert.equal(/^name = "(.+)"$/m.exec(read('egress/wrangler.toml'))[1], 'outbound');
});

test('docs/deploying.md explains every field of the log', () => {
  const [, members] = /export interface LogFields \{(.*?)^\}/ms.exec(read('worker/log.ts'));
  const fields = ['level', 'event', 'status', 'ms', ...[...members.matchAll(/^ {2}(\w+)\??:/gm)].map(([, name]) => name)];
  const listed = rows(section('docs/deploying.md', 'Logs and alarms')).flatMap(([cell]) => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name));
  assert.deepEqual(fields.filter((field) => !listed.includes(field)), []);
});

test('docs/protocol.md lists every file with an assumption', () => {
  const assuming = CODE.filter((file) => !file.startsWith('tests/') && read(file).includes('[assumed]'));
  const listed = rows(section('docs/protocol.md', '9. Assumptions')).map((cells) => /^`(.+)`$/.exec(cells.at(-1))?.[1]).filter(Boolean);
  assert.ok(assuming.length > 0);
  assert.deepEqual(assuming.filter((file) => !listed.includes(file)), []);
});

for (const page of PAGES) {
  test(`${page}: links lead somewhere`, () => {
    const text = withoutFences(read(page));
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file, anchor] = target.split('#');
      const place = file === '' ? page : path.join(path.dirname(page), file);
      assert.ok(existsSync(path.join(root, place)), `${target}: there is no ${place}`);
      if (anchor !== undefined) assert.ok(headings(place).map(slug).includes(anchor), `${target}: ${place} has no such section`);
    }
  });

  test(`${page}: files and commands that are named exist`, () => {
    const text = read(page);
    for (const [, file] of text.matchAll(/`((?:src|worker|hosts|egress|examples|simulator|tests|scripts|bench|js|tools|docs)\/[\w./-]*)`/g)) {
      assert.ok(existsSync(path.join(root, file)), `there is no ${file}`);
    }
    const { scripts } = JSON.parse(read('package.json'));
    for (const [, script] of text.matchAll(/npm run (?:--silent )?([a-z:-]*[a-z])/g)) assert.ok(script in scripts, `npm run ${script}`);
  });

  test(`${page}: speaks of the project only`, () => {
    for (const word of ['TODO', 'FIXME']) assert.ok(!read(page).includes(word), word);
  });
}

test('comments name pages and sections that exist', () => {
  let checked = 0;
  for (const file of CODE) {
    // A reference may go on in the next line of its comment.
    const text = read(file).replace(/\n[ \t]*(?:\/\/[/!]?|\*|#)[ \t]*/g, ' ');
    for (const [reference, page, title, number] of text.matchAll(/\b(docs\/[\w-]+\.md)(?:,? "([^"\n]+)"| section (\d+(?:\.\d+)*))?/g)) {
      checked += 1;
      assert.ok(existsSync(path.join(root, page)), `${file}: ${reference}`);
      const titles = headings(page);
      if (title !== undefined) assert.ok(titles.some((found) => found.replace(/^[\d.]+ /, '') === title), `${file}: ${reference}`);
      if (number !== undefined) assert.ok(titles.some((found) => found.replace(/^([\d.]+?)\.? .*/, '$1') === number), `${file}: ${reference}`);
    }
  }
  assert.ok(checked > 20, `${checked} references found`);
});

test('every section of docs/protocol.md and its like is in the list at its top', () => {
  for (const page of ['protocol', 'deploying', 'hosting', 'integrating', 'migrating', 'benchmarks'].map((name) => `docs/${name}.md`)) {
    const titles = [...read(page).matchAll(/^## +(.+?) *$/gm)].map(([, title]) => title);
    for (const title of titles) assert.ok(read(page).includes(`](#${slug(title)})`), `${page} does not list "${title}"`);
  }
});

test('docs/hosting.md and the examples say how the tests run them', () => {
  for (const { args } of Object.values(EXAMPLES)) {
    const file = args.at(-1);
    const command = `${path.parse(file).name} ${args.join(' ')}`;
    assert.ok(read(`examples/gateway/${file}`).includes(`\n//   ${command}\n`), file);
    assert.ok(read('docs/hosting.md').includes(`| \`${command}\` |`), command);
    assert.ok(read(`examples/gateway/${file}`).trimEnd().split('\n').length <= 40, file);
  }
});

// --- Examples --------------------------------------------------------------------------------------------------------

const INTEGRATING = 'docs/integrating.md';
const API_KEYS = { sandbox: ['persona_sandbox_simulator'], production: ['persona_production_simulator'] };

for (const [index, block] of blocks(read(INTEGRATING), 'js').entries()) {
  if (block.includes('env.GATEWAY')) {
    test(`${INTEGRATING}: JavaScript block ${index + 1}, a Worker bound to the gateway, runs`, async (t) => {
      const simulator = await startSimulator();
      t.after(() => simulator.close());
      const bound = [{ script: block, props: { caller: 'shop' } }];
      const gateway = await startGateway({ upstream: simulator.url, bindings: managedSecrets().bindings, bound });
      t.after(() => gateway.close());
      const response = await gateway.bound(0, 'https://example.com/');
      assert.equal(response.status, 200);
      assert.equal((await response.json()).purchase, 'issued');
    });
    continue;
  }
  test(`${INTEGRATING}: JavaScript block ${index + 1} runs`, async (t) => {
    const simulator = await startSimulator({ apiKeys: API_KEYS });
    t.after(() => simulator.close());
    const project = temporaryFolder(t);
    mkdirSync(path.join(project, 'node_modules'));
    symlinkSync(path.join(root, 'pkg'), path.join(project, 'node_modules/relay-edge'));
    const example = path.join(project, 'example.mjs');
    writeFileSync(example, block);
    const result = await execute(process.execPath, [path.join(root, 'tests/commands/support/run_example.mjs'), example], {
      cwd: project,
      env: { SIMULATOR_URL: simulator.url, PERSONA_API_KEY: API_KEYS.production[0] },
      seconds: 60,
    });
    assert.equal(result.code, 0, `${block}\n${result.stdout}${result.stderr}`);
  });
}

/** Runs the shell blocks of some sections as one script, with the addresses and the token of this test's own servers. */
async function runScript(t, titles, values) {
  let script = titles.flatMap((title) => blocks(section(INTEGRATING, title), 'sh')).join('\n');
  for (const [name, value] of Object.entries(values)) {
    assert.match(script, new RegExp(`^${name}=`, 'm'));
    script = script.replace(new RegExp(`^${name}=.*$`, 'm'), `${name}='${value}'`);
  }
  const strict = 'curl() { command curl -sS --fail-with-body "$@"; }\n';
  const result = await execute('bash', ['-euo', 'pipefail'], { cwd: temporaryFolder(t), input: strict + script, seconds: 60 });
  assert.equal(result.code, 0, script + result.stdout + result.stderr);
  return result.stdout;
}

test(`${INTEGRATING}: the shell of managed mode runs against npm start`, async (t) => {
  const state = temporaryFolder(t);
  const gateway = await serve(t, 'scripts/start.mjs', ['--port', '0'], { env: { RELAY_EDGE_STATE: state } });
  const [, simulator] = /a simulated Persona at (http:\/\/[\w.:]+\d)/.exec(gateway.shown());
  const token = readFileSync(path.join(state, 'gateway-token'), 'utf8').trim();
  const output = await runScript(t, ['The gateway in managed mode'], { GATEWAY: gateway.url, SIMULATOR: simulator, TOKEN: token });
  assert.match(output, /"privacy-pass-token"/);
  assert.match(output, /claim_result\\":\\"passed/);
  assert.match(output, /"token-consumed":true/);
  assert.equal(await gateway.stop(), 0);
});

test(`${INTEGRATING}: the shell of pass-through mode runs, and a claim fails`, async (t) => {
  const simulator = await startSimulator({ apiKeys: API_KEYS });
  t.after(() => simulator.close());
  const environment = { RELAY_EDGE_STATE: temporaryFolder(t), PERSONA_API_KEY: '', GATEWAY_TOKENS: '', STORE_KEYS: '', WITHHOLD_RELAY_SECRET: '' };
  const gateway = await serve(t, 'scripts/start.mjs', ['--upstream', simulator.url, '--port', '0'], { env: environment });
  const titles = ['The gateway in pass-through mode', 'Testing with the simulator'];
  const output = await runScript(t, titles, { GATEWAY: gateway.url, SIMULATOR: simulator.url });
  assert.match(output, /"token-consumed":true/);
  assert.match(output, /claim_result\\":\\"failed.*"token-consumed":false/);
  const { billed, spent, refunded } = simulator.ledger();
  assert.deepEqual([billed.total, spent.total, refunded.total], [2, 1, 1]);
  assert.equal(await gateway.stop(), 0);
});

test(`${INTEGRATING}: a key pair made by OpenSSL opens a claim`, async (t) => {
  const found = await execute('openssl', ['version']).catch(() => undefined);
  if (found === undefined) return t.skip('there is no openssl on this machine');
  const output = await runScript(t, ['Encrypted claims'], {});
  assert.doesNotMatch(output, /error/i);
});

test('docs/deploying.md: the file of secrets is one that a deployment takes', async (t) => {
  const folder = temporaryFolder(t);
  const file = path.join(folder, '.env.gateway');
  const script = `npm run --silent secrets -- --id shop > ${file}\necho PERSONA_API_KEY=persona_sandbox_x >> ${file}\n`;
  assert.ok(read('docs/deploying.md').includes('npm run --silent secrets -- --id shop > .env.gateway'));
  const made = await execute('bash', ['-euo', 'pipefail'], { input: script });
  assert.equal(made.code, 0, made.stderr);
  assert.match(readFileSync(file, 'utf8'), /^GATEWAY_TOKENS=shop:\S+\nSTORE_KEYS=k1:\S+\nPERSONA_API_KEY=\S+\n$/);
  const command = ['run', '--silent', 'deploy', '--', '--dry-run', '--secrets-file', file];
  const deployed = await execute('npm', command, { env: { WRANGLER_SEND_METRICS: 'false' } });
  assert.equal(deployed.code, 0, deployed.stdout + deployed.stderr);
  for (const name of ['PERSONA_API_KEY', 'GATEWAY_TOKENS', 'STORE_KEYS', 'RELAYS']) assert.match(deployed.stdout, new RegExp(`env\\.${name}\\b`));
});
