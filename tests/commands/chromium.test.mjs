// Finding Chromium: what is in PATH, and a reason when there is none.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { chromiumArguments, look } from '../../scripts/lib/chromium.mjs';

/** A folder with programs of these names that do what the script says. */
function folderWith(programs) {
  const folder = mkdtempSync(path.join(tmpdir(), 'relay-edge-chromium-'));
  after(() => rmSync(folder, { recursive: true }));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`);
    chmodSync(path.join(folder, name), 0o755);
  }
  return folder;
}

const asRoot = { skip: process.getuid() !== 0 && 'installs as root only' };

test('both programs are found in PATH', async () => {
  const folder = folderWith({ chromium: 'exit 0', chromedriver: 'exit 0' });
  const found = { browser: path.join(folder, 'chromium'), driver: path.join(folder, 'chromedriver') };
  assert.deepEqual(await look({ env: { PATH: `/nowhere:${folder}` } }), found);
});

test('without apt-get it says what is missing, and that it cannot be installed', async () => {
  assert.deepEqual(await look({ env: { PATH: folderWith({ chromium: 'exit 0' }) } }), {
    missing: 'there is no chromedriver, and no apt-get to install it',
  });
});

test('apt-get installs both, after an update when it knows no such package', asRoot, async () => {
  const folder = folderWith({
    'apt-get': `
      here=$(/usr/bin/dirname "$0")
      case "$*" in
        *update*) echo > "$here/lists";;
        *install*) [ -f "$here/lists" ] || { echo "E: Unable to locate package chromium" >&2; exit 100; }
          /bin/cp "$0" "$here/chromium"; /bin/cp "$0" "$here/chromedriver";;
      esac`,
  });
  const found = { browser: path.join(folder, 'chromium'), driver: path.join(folder, 'chromedriver') };
  assert.deepEqual(await look({ env: { PATH: folder } }), found);
});

test('an apt-get that fails is quoted', asRoot, async () => {
  const folder = folderWith({ 'apt-get': 'echo "W: hm" >&2; echo "E: Unable to fetch some archives" >&2; exit 100' });
  assert.deepEqual(await look({ env: { PATH: folder } }), {
    missing:
      'there is no Chromium and no chromedriver, and apt-get could not install it (E: Unable to fetch some archives)',
  });
});

test('it installs nothing when told to look only', async () => {
  const folder = folderWith({ 'apt-get': 'exit 1' });
  assert.deepEqual(await look({ env: { PATH: folder }, install: false }), {
    missing: 'there is no Chromium and no chromedriver',
  });
});

test('the runner of the tests in wasm starts it in the same way', () => {
  const read = JSON.parse(readFileSync(new URL('../../webdriver.json', import.meta.url), 'utf8'));
  assert.deepEqual(read, { 'goog:chromeOptions': { args: chromiumArguments } });
});
