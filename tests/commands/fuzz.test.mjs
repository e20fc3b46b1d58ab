import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { npm, root } from './support/commands.mjs';

test('--help names every target, and those in fuzz/src/targets.rs are all', async () => {
  const { code, stdout } = await npm('fuzz', ['--help']);
  assert.equal(code, 0);
  const [, listed] = /^Targets: (.*)\.$/m.exec(stdout) ?? [];
  const source = readFileSync(path.join(root, 'fuzz/src/targets.rs'), 'utf8');
  const [, table] = /TARGETS: [^=]+= &\[([^;]+)\];/.exec(source) ?? [];
  assert.deepEqual(listed?.split(', '), [...(table ?? '').matchAll(/"(\w+)"/g)].map(([, name]) => name));
});

test('a mistake on the command line is said at once, and ends with 2', async () => {
  for (const [args, said] of [[['claims'], /no target `claims`: the targets are answers, /], [['--seconds', '0'], /--seconds takes a whole number from 1/], [['--second', '1'], /npm run fuzz -- --help/]]) {
    const { code, stderr } = await npm('fuzz', args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, said);
  }
});
