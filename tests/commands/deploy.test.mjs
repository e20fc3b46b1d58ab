import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unstable_readConfig } from 'wrangler';
import { inRoot } from '../../scripts/lib/program.mjs';
import { npm } from './support/commands.mjs';

test('--dry-run needs no account and shows the bindings', async () => {
  const result = await npm('deploy', ['--dry-run'], { env: { CLOUDFLARE_API_TOKEN: '', WRANGLER_SEND_METRICS: 'false' } });
  assert.equal(result.code, 0, result.stderr);
  assert.match(result.stdout, /env\.RELAYS\b.*KV Namespace/);
  assert.match(result.stdout, /--dry-run: exiting now/);
});

test('what is deployed has its logs stored nowhere: Workers Logs would keep the URL of a request beside its line', () => {
  const { observability, logpush, tail_consumers: tails } = unstable_readConfig({ config: inRoot('wrangler.toml') });
  assert.deepEqual([observability, logpush, tails], [{ enabled: false }, undefined, undefined]);
});

test("wrangler's exit code is ours", async () => {
  const result = await npm('deploy', ['--dry-run', '--no-such-flag'], { env: { WRANGLER_SEND_METRICS: 'false' } });
  assert.notEqual(result.code, 0);
});
