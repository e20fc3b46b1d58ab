// The load, in a process of its own: so many connections that are kept, each sending its next request when the last one is
// answered. What one scenario brings forth, such as relays, is there for the next.

import http from 'node:http';

const CLAIM_TYPE = 'age_over18_germany';

/** What is known of relays: of one that was made, `{ token, secret }`; of one that was bought for, `pass` too. */
let relays = [];
let next = 0;

/** Each does one thing over a connection, and answers `false` when there is nothing left to do it with. */
const SCENARIOS = {
  'pass-through': {
    health: (send) => send('GET', '/healthz'),
    description: (send) => send('GET', '/openapi.json'),
    create: async (send) => void relays.push(await create(send, {})),
    purchase: async (send, { apiKey }) => void (await buy(send, apiKey)),
    // What is redeemed may be the same every time: the upstream does not mind.
    redeem: async (send) => redeem(send, relays[0]),
    async relay(send, { apiKey }) {
      const relay = await create(send, {});
      relay.pass = await buy(send, apiKey);
      await redeem(send, relay);
    },
  },
  managed: {
    health: (send) => send('GET', '/healthz'),
    keys: (send, { bearer }) => send('GET', '/issuer-keys', bearer),
    create: async (send, { bearer }) => void relays.push(await create(send, bearer)),
    purchase: (send, { bearer }) => forEach((relay) => buyFor(send, bearer, relay)),
    view: (send, { bearer }) => forEach(({ token }) => send('GET', `/relays/${token}`, bearer)),
    redeem: (send, { bearer }) => forEach(({ token }) => send('POST', `/relays/${token}/redeem`, bearer, {}), ({ bought }) => bought),
    async relay(send, { bearer }) {
      const relay = await create(send, bearer);
      await buyFor(send, bearer, relay);
      await send('POST', `/relays/${relay.token}/redeem`, bearer, {});
    },
  },
};

/** With the next of the relays, from the first one that was made. */
async function forEach(work, suits = () => true) {
  while (next < relays.length && !suits(relays[next])) next += 1;
  if (next >= relays.length) return false;
  const relay = relays[next];
  next += 1;
  await work(relay);
  return true;
}

async function create(send, headers) {
  const made = await send('POST', '/relays', headers, { 'claim-type': CLAIM_TYPE, 'encryption-key-pem': null, sandbox: false });
  return { token: made['relay-token'], secret: made['relay-secret'] };
}

async function buy(send, headers) {
  return (await send('POST', '/relays/privacy-passes', headers, { 'claim-type': CLAIM_TYPE, sandbox: false }))['privacy-pass-token'];
}

async function buyFor(send, headers, relay) {
  await send('POST', '/relays/privacy-passes', headers, { 'relay-token': relay.token });
  relay.bought = true;
}

async function redeem(send, { token, secret, pass }) {
  await send('POST', `/relays/${token}/redeem`, { 'persona-relay-secret': secret }, { 'privacy-pass-token': pass });
}

/**
 * A connection that workerd closes is opened again, and what was sent on it is sent again: its event loop, when it is busy for 5 s,
 * takes a connection for idle whose next request it has not read yet.
 *
 * @param {URL} url @param {http.Agent} agent of one connection
 */
function sender(url, agent) {
  const send = sendOver(url, agent);
  return async (...request) => {
    for (let left = 5; ; left -= 1) {
      try {
        return await send(...request);
      } catch (error) {
        if (left === 0 || !CLOSED.includes(error.code)) throw error;
        closed += 1;
      }
    }
  };
}

const CLOSED = ['ECONNRESET', 'EPIPE'];
let closed = 0;

/** @param {URL} url @param {http.Agent} agent */
function sendOver(url, agent) {
  return (method, path, headers = {}, body = undefined) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body);
      const length = text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
      const request = http.request({ agent, hostname: url.hostname, port: url.port, method, path, headers: { ...headers, ...length } }, (response) => {
        const parts = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () => {
          const answer = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(JSON.parse(answer));
          else reject(new Error(`${method} ${path} was answered ${response.statusCode}: ${answer}`));
        });
      });
      request.on('error', reject);
      request.end(text);
    });
}

/**
 * Runs a scenario for some time, or some times.
 *
 * @returns {Promise<{ latencies: number[], seconds: number, closed: number }>} latencies in milliseconds; `closed`: connections
 */
async function run({ url, mode, scenario, connections, seconds = Infinity, times = Infinity, credentials, forget = false, rewind = false }) {
  if (forget) relays = [];
  if (forget || rewind) next = 0;
  const work = SCENARIOS[mode][scenario];
  if (mode === 'pass-through' && scenario === 'redeem') relays = [await relayWithPass(new URL(url), credentials)];
  const open = await Promise.all(Array.from({ length: connections }, () => connect(new URL(url))));
  const latencies = [];
  closed = 0;
  const start = performance.now();
  let begun = 0;
  await Promise.all(
    open.map(async ({ agent, send }) => {
      while (begun < times && performance.now() - start < seconds * 1000) {
        begun += 1;
        const at = performance.now();
        if ((await work(send, credentials)) === false) break;
        latencies.push(performance.now() - at);
      }
      agent.destroy();
    }),
  );
  return { latencies, seconds: (performance.now() - start) / 1000, closed };
}

/** A connection that has answered once. */
async function connect(url) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const send = sender(url, agent);
  await send('GET', '/healthz');
  return { agent, send };
}

async function relayWithPass(url, { apiKey }) {
  const { agent, send } = await connect(url);
  const relay = { ...(await create(send, {})), pass: await buy(send, apiKey) };
  agent.destroy();
  return relay;
}

process.on('message', (order) => {
  run(order).then((done) => process.send(done), (error) => process.send({ error: String(error?.stack ?? error) }));
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
