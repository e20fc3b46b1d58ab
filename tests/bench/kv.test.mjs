// The KV of the gateway's benchmark, as workerd asks it.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { root } from '../commands/support/commands.mjs';

test('an entry is there until it is deleted, whether its name is escaped or not, and every call is timed', async (t) => {
  const kv = fork(path.join(root, 'bench/gateway/kv.mjs'), { serialization: 'advanced' });
  t.after(() => kv.kill('SIGKILL'));
  const [{ address }] = await once(kv, 'message');
  const call = async (method, name, body) => {
    const response = await fetch(`http://${address}/${name}?urlencoded=true`, { method, body });
    return [response.status, await response.text()];
  };
  assert.deepEqual(await call('GET', 'relay:ab'), [404, '']);
  assert.deepEqual(await call('PUT', 'relay:ab', 'sealed – ü'), [200, '']);
  assert.deepEqual(await call('GET', 'relay%3Aab'), [200, 'sealed – ü']);
  assert.deepEqual(await call('PUT', 'relay:ab', 'again'), [200, '']);
  assert.deepEqual(await call('GET', 'relay:ab'), [200, 'again']);
  assert.deepEqual(await call('GET', 'relay:a'), [404, '']);
  assert.deepEqual(await call('DELETE', 'relay%3Aab'), [200, '']);
  assert.deepEqual(await call('GET', 'relay:ab'), [404, '']);

  const report = async () => {
    kv.send({ report: true });
    return (await once(kv, 'message'))[0];
  };
  const { lanes, starts, ends } = await report();
  assert.deepEqual([...lanes], Array(8).fill(0));
  assert.ok(starts.every((start, index) => start <= ends[index] && start > 0));
  assert.equal((await report()).starts.length, 0);
});
