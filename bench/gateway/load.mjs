// The load, in a process of its own: so many connections that are kept, each sending its next request when the last one is
// answered. What one scenario brings forth, such as relays, is there for the next.

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimTypeOf, clockMs, drawer, Spans } from './lanes.mjs';
import { message, onMessages } from './messages.mjs';

/** What is known by lane: of a relay `{ token, secret, bought? }`, and the latest pass that was bought for no relay. */
let shelves = new Map();

/** What a lane has made, and how many of its relays the scenario has used. */
function shelfOf(lane) {
  const shelf = shelves.get(lane) ?? { lane, relays: [], next: 0, pass: undefined };
  shelves.set(lane, shelf);
  return shelf;
}

/** Each does one thing over a connection, and answers `false` when there is nothing left to do it with. */
const SCENARIOS = {
  'pass-through': {
    health: (send) => send('GET', '/healthz'),
    description: (send) => send('GET', '/openapi.json'),
    create: async (send, _, shelf) => void shelf.relays.push(await create(send, {}, shelf)),
    purchase: async (send, { apiKey }, shelf) => void (shelf.pass = await buy(send, apiKey, shelf)),
    // What is redeemed may be the same every time: the upstream does not mind.
    redeem: (send, _, { relays: [relay], pass }) => redeem(send, relay, pass),
    async relay(send, { apiKey }, shelf) {
      const relay = await create(send, {}, shelf);
      await redeem(send, relay, await buy(send, apiKey, shelf));
    },
  },
  managed: {
    health: (send) => send('GET', '/healthz'),
    keys: (send, { bearer }) => send('GET', '/issuer-keys', bearer),
    create: async (send, { bearer }, shelf) => void shelf.relays.push(await create(send, bearer, shelf)),
    purchase: (send, { bearer }, shelf) => withNext(shelf, (relay) => buyFor(send, bearer, relay)),
    view: (send, { bearer }, shelf) => withNext(shelf, ({ token }) => send('GET', `/relays/${token}`, bearer)),
    redeem: (send, { bearer }, shelf) => withNext(shelf, ({ token }) => send('POST', `/relays/${token}/redeem`, bearer, {}), ({ bought }) => bought),
    async relay(send, { bearer }, shelf) {
      const relay = await create(send, bearer, shelf);
      await buyFor(send, bearer, relay);
      await send('POST', `/relays/${relay.token}/redeem`, bearer, {});
    },
  },
  // The upstream itself, asked as the gateway asks it.
  directly: {
    create: (send, _, { lane }) => send('POST', '/api/privacy/v1/relays', {}, { 'claim-type': claimTypeOf(lane), 'encryption-key-pem': null }),
  },
};

/** With the next of the relays, from the first one that was made. */
async function withNext(shelf, work, suits = () => true) {
  const { relays } = shelf;
  while (shelf.next < relays.length && !suits(relays[shelf.next])) shelf.next += 1;
  if (shelf.next >= relays.length) return false;
  const relay = relays[shelf.next];
  shelf.next += 1;
  return work(relay);
}

async function create(send, headers, { lane }) {
  const made = await send('POST', '/relays', headers, { 'claim-type': claimTypeOf(lane), 'encryption-key-pem': null, sandbox: false });
  return { token: made['relay-token'], secret: made['relay-secret'] };
}

async function buy(send, headers, { lane }) {
  return (await send('POST', '/relays/privacy-passes', headers, { 'claim-type': claimTypeOf(lane), sandbox: false }))['privacy-pass-token'];
}

async function buyFor(send, headers, relay) {
  await send('POST', '/relays/privacy-passes', headers, { 'relay-token': relay.token });
  relay.bought = true;
}

async function redeem(send, { token, secret }, pass) {
  await send('POST', `/relays/${token}/redeem`, { 'persona-relay-secret': secret }, { 'privacy-pass-token': pass });
}

/**
 * A connection. One that workerd closes is opened again, and what was sent on it is sent again: its event loop, when it is busy for
 * 5 s, takes a connection for idle whose next request it has not read yet.
 */
class Connection {
  #url;
  #socket;
  #waiting;

  /** @param {URL} url */
  constructor(url) {
    this.#url = url;
  }

  /** Answers what a 200 says. */
  send = async (method, path, headers = {}, body = undefined) => {
    const text = body === undefined ? '' : JSON.stringify(body);
    const type = body === undefined ? {} : { 'content-type': 'application/json' };
    const whole = message(`${method} ${path} HTTP/1.1`, { host: this.#url.host, ...headers, ...type }, text);
    for (let left = 5; ; left -= 1) {
      try {
        const answer = await this.#exchange(whole);
        if (!answer.head.startsWith('HTTP/1.1 200 ')) throw new Error(`${method} ${path} was answered: ${answer.head} ${answer.body}`);
        return JSON.parse(answer.body);
      } catch (error) {
        if (left === 0 || !CLOSED.includes(error.code)) throw error;
        closed += 1;
      }
    }
  };

  close() {
    this.#socket?.destroy();
  }

  #exchange(whole) {
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      if (this.#socket === undefined || this.#socket.destroyed) this.#open();
      this.#socket.write(whole);
    });
  }

  #open() {
    this.#socket = net.connect({ host: this.#url.hostname, port: Number(this.#url.port), noDelay: true });
    onMessages(this.#socket, (answer) => this.#waiting.resolve(answer));
    this.#socket.on('error', (error) => this.#waiting.reject(error));
    this.#socket.on('close', () => this.#waiting.reject(Object.assign(new Error('closed'), { code: 'EPIPE' })));
  }
}

const CLOSED = ['ECONNRESET', 'EPIPE'];
let closed = 0;

/**
 * Runs a scenario for some time, or some times.
 *
 * `lanes`: each connection is a lane, and begins at a time of its own, so that they are not in step. `pauseMs`: the range of what
 * one waits between an answer and its next request.
 *
 * @returns {Promise<{ requests: ReturnType<Spans['plain']>, seconds: number, closed: number }>} `closed`: connections
 */
async function run({ url, mode, scenario, connections, seconds = Infinity, times = Infinity, credentials, forget = false, rewind = false, lanes = false, pauseMs }) {
  if (forget) shelves = new Map();
  if (forget || rewind) for (const shelf of shelves.values()) shelf.next = 0;
  const work = SCENARIOS[mode][scenario];
  const open = await Promise.all(Array.from({ length: connections }, async (_, index) => ({ connection: await connect(new URL(url), mode), shelf: shelfOf(lanes ? index + 1 : 0) })));
  const requests = new Spans();
  closed = 0;
  const start = clockMs();
  let begun = 0;
  await Promise.all(
    open.map(async ({ connection, shelf }) => {
      if (lanes) await sleep(drawer([0, SPREAD_MS], `start ${shelf.lane}`)());
      const pause = pauseMs && drawer(pauseMs, `pause ${shelf.lane}`);
      while (begun < times && clockMs() - start < seconds * 1000) {
        begun += 1;
        const at = clockMs();
        if ((await work(connection.send, credentials, shelf)) === false) break;
        requests.add(shelf.lane, at, clockMs());
        if (pause !== undefined) await sleep(pause());
      }
      connection.close();
    }),
  );
  return { requests: requests.plain(), seconds: (clockMs() - start) / 1000, closed };
}

/** In which connections that are lanes begin. */
const SPREAD_MS = 100;

/** A connection that has answered once. */
async function connect(url, mode) {
  const connection = new Connection(url);
  if (mode !== 'directly') await connection.send('GET', '/healthz');
  return connection;
}

process.on('message', (order) => {
  run(order).then((done) => process.send(done), (error) => process.send({ error: String(error?.stack ?? error) }));
});
process.on('disconnect', () => process.exit());
process.send({ ready: true });
