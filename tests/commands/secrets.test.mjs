import assert from 'node:assert/strict';
import { test } from 'node:test';
import { npm } from './support/commands.mjs';

test('prints one parsable line per secret, fresh each time', async () => {
  const seen = new Set();
  for (let run = 0; run < 2; run += 1) {
    const { code, stdout, stderr } = await npm('secrets', run === 0 ? [] : ['--id', 'shop-2']);
    assert.equal(code, 0, stderr);
    const [tokens, keys, ...rest] = stdout.trimEnd().split('\n');
    assert.deepEqual(rest, []);
    const [, id, token] = /^GATEWAY_TOKENS=([\w-]+):([\w-]{43})$/.exec(tokens);
    assert.equal(id, run === 0 ? 'main' : 'shop-2');
    assert.equal(Buffer.from(token, 'base64url').length, 32);
    const [, key] = /^STORE_KEYS=k1:([A-Za-z0-9+/]+=*)$/.exec(keys);
    assert.equal(Buffer.from(key, 'base64').length, 32);
    seen.add(token).add(key);
    assert.match(stderr, /wrangler secret put/);
  }
  assert.equal(seen.size, 4);
});

test('a wrong command line gets one sentence and exit code 2', async () => {
  for (const args of [['--nonsense'], ['--id', 'a:b'], ['--id', '']]) {
    const { code, stdout, stderr } = await npm('secrets', args);
    assert.equal(code, 2, args.join(' '));
    assert.equal(stdout, '');
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
  }
});
