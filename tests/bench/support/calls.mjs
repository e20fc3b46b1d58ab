// How often the systems of the gateway's benchmark ask others.

import assert from 'node:assert/strict';
import { claimTypeOf } from '../../../bench/gateway/lanes.mjs';
import { startSystem } from '../../../bench/gateway/processes.mjs';

/**
 * How often upstream and KV are asked for each endpoint, once the issuer key is known, and the text of the description.
 *
 * @param {Awaited<ReturnType<typeof import('../../../bench/gateway/processes.mjs').startUpstream>>} upstream
 * @param {'relay-edge' | 'bare'} system @param {'pass-through' | 'managed'} mode
 */
export async function callsOf(upstream, system, mode) {
  const started = await startSystem({ system, mode, upstream: upstream.url });
  const { apiKey, bearer } = started.credentials;
  const counts = {};
  const send = async (name, method, path, headers, body) => {
    await Promise.all([upstream.report(), started.kvReport()]);
    const response = await fetch(new URL(path, started.url), {
      method, headers: { ...headers, ...(body && { 'content-type': 'application/json' }) }, body: body && JSON.stringify(body),
    });
    assert.equal(response.status, 200, `${system} ${mode} ${name}`);
    const [calls, kvCalls] = await Promise.all([upstream.report(), started.kvReport()]);
    counts[name] = { upstream: calls.starts.length, kv: kvCalls.starts.length };
    return response.json();
  };
  const relay = async () => {
    const claimType = claimTypeOf(1);
    const credentials = mode === 'managed' ? bearer : {};
    const made = await send('create', 'POST', '/relays', credentials, { 'claim-type': claimType, 'encryption-key-pem': null, sandbox: false });
    const token = made['relay-token'];
    const bought = await (mode === 'managed'
      ? send('purchase', 'POST', '/relays/privacy-passes', bearer, { 'relay-token': token })
      : send('purchase', 'POST', '/relays/privacy-passes', apiKey, { 'claim-type': claimType, sandbox: false }));
    if (mode === 'managed') await send('view', 'GET', `/relays/${token}`, bearer);
    return mode === 'managed'
      ? send('redeem', 'POST', `/relays/${token}/redeem`, bearer, {})
      : send('redeem', 'POST', `/relays/${token}/redeem`, { 'persona-relay-secret': made['relay-secret'] }, { 'privacy-pass-token': bought['privacy-pass-token'] });
  };
  try {
    await relay();
    const claim = await relay();
    assert.equal(claim['token-consumed'], true);
    if (mode === 'managed') await send('keys', 'GET', '/issuer-keys', bearer);
    await send('health', 'GET', '/healthz');
    const description = await send('description', 'GET', '/openapi.json');
    return { counts, description };
  } finally {
    await started.close();
  }
}
