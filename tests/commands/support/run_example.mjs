// node run_example.mjs EXAMPLE.mjs: runs a JavaScript example of README.md as it stands there, with nothing changed.
//
// Two things are done for it from outside, because an example for a reader must not do them itself: what it sends to
// the production API goes to the simulator (SIMULATOR_URL), and the person who has to complete the verification
// before a redemption is played here. An example that is a Worker is called once.

import { pathToFileURL } from 'node:url';

const PRODUCTION = 'https://api.withpersona.com';
const simulator = process.env.SIMULATOR_URL;
const realFetch = globalThis.fetch;

globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  if (!request.url.startsWith(`${PRODUCTION}/`)) throw new Error(`an example called ${request.url}`);
  const { pathname, search } = new URL(request.url);
  const redeemed = /^\/api\/privacy\/v1\/relays\/([\w-]+)\/generate-claim$/.exec(pathname)?.[1];
  if (redeemed && request.headers.get('authorization')?.startsWith('PrivateToken ')) {
    const body = JSON.stringify({ result: 'passed' });
    await realFetch(`${simulator}/_simulator/relays/${redeemed}/complete`, { method: 'POST', body });
  }
  return realFetch(`${simulator}${pathname}${search}`, {
    method: request.method,
    headers: request.headers,
    body: request.method === 'GET' ? undefined : await request.text(),
    signal: request.signal,
  });
};

const example = await import(pathToFileURL(process.argv[2]));
if (typeof example.default?.fetch === 'function') {
  const env = { PERSONA_API_KEY: process.env.PERSONA_API_KEY };
  const context = { waitUntil() {}, passThroughOnException() {} };
  const response = await example.default.fetch(new Request('https://example.com/'), env, context);
  console.log(await response.text());
  if (!response.ok) throw new Error(`the Worker answered ${response.status}`);
}
