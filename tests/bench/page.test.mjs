// docs/benchmarks.md and the plots are what the committed results make them: a number that was typed in would be gone.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { RUNTIMES } from '../../bench/lib/names.mjs';
import { draw, readResults } from '../../bench/lib/page.mjs';
import { root } from '../commands/support/commands.mjs';

test('the page and the plots are drawn from the committed results', () => {
  const drawn = draw();
  assert.deepEqual(Object.keys(drawn), ['docs/benchmarks.md', 'docs/benchmark-passes.svg', 'docs/benchmark-gateway.svg']);
  for (const [file, text] of Object.entries(drawn)) {
    assert.equal(readFileSync(path.join(root, file), 'utf8'), text, `${file} is not what \`npm run bench -- --draw\` draws`);
    assert.doesNotMatch(text, /NaN|undefined|Infinity/);
  }
});

test('the committed results are of whole runs, in every runtime', () => {
  const [crypto, gateway] = [readResults('crypto'), readResults('gateway')];
  for (const { about } of [crypto, gateway]) assert.doesNotMatch(about.command, /--quick/);
  for (const runtime of RUNTIMES) assert.ok(crypto.rows.some((row) => row.runtime === runtime), runtime);
  assert.deepEqual([...new Set(gateway.rows.map(({ connections }) => connections))].sort((a, b) => a - b), [1, 16, 256]);
});
