// Persona as the gateway's benchmark needs it, in a process of its own: fast, not strict, and it records what time it took.
// The parent sends `{ delayMs: [from, to] }` to have every answer take at least so long, by seeded chance, and `{ report: true }` for
// the times since the last report: from when a call was read to when the last byte of its answer was written, so that a timer
// that is late, or a signature, is the upstream's time.

import crypto from 'node:crypto';
import net from 'node:net';
import { Challenges } from '../../simulator/challenges.mjs';
import { IssuerKey } from '../../simulator/issuer.mjs';
import { clockMs, drawer, laneOf, Spans } from './lanes.mjs';
import { message, onMessages } from './messages.mjs';

const RELAYS = '/api/privacy/v1/relays';
/** As long as a JWT with a few claims. */
const ACCESS_TOKEN = `ey${'J'.repeat(300)}`;
const CLAIM = JSON.stringify({ 'claim-payload': '{"claim_type":"age_over18_germany","claim_result":"passed"}', 'token-consumed': true });

const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = new IssuerKey({ claimType: 'age_over18_germany', environment: 'production', privateKey, spki: 'rsaEncryption', keyIdFormat: 'base64url' });
const { challenge, tokenKey, tokenKeyId } = new Challenges({ now: Date.now, ttlSeconds: 90 * 24 * 60 * 60 }).issue(key);
const challengeOf = (lane) => JSON.stringify({ challenge, 'token-key': tokenKey, 'token-key-id': lane === 0 ? tokenKeyId : `bench_${lane}` });

/** Draws how long an answer takes; `undefined`: none waits. */
let delay;
let spans = new Spans();

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy()); // workerd has closed it
  onMessages(socket, ({ head, body }) => {
    const start = clockMs();
    const { lane, text } = answer(head.split(' ', 2)[1], body);
    const whole = message('HTTP/1.1 200 OK', { 'content-type': 'application/json' }, text);
    const send = () => {
      socket.write(whole);
      spans.add(lane, start, clockMs());
    };
    if (delay === undefined) send();
    else setTimeout(send, delay() - (clockMs() - start));
  });
});

/** Its text, and the lane that it is for. */
function answer(path, body) {
  if (path.endsWith('/generate-claim')) return { lane: laneOf(path.slice(0, -'/generate-claim'.length)), text: CLAIM };
  const sent = JSON.parse(body);
  if (path === '/api/v1/privacy-passes') {
    const text = JSON.stringify({ 'blind-sig': key.blindSign(Buffer.from(sent['blinded-token'], 'base64url')).toString('base64url') });
    return { lane: laneOf(sent['key-id']), text };
  }
  const lane = laneOf(sent['claim-type']);
  if (path === `${RELAYS}/challenge`) return { lane, text: challengeOf(lane) };
  if (path !== RELAYS) throw new Error(`no such path: ${path}`);
  const relayToken = `relay_${crypto.randomBytes(16).toString('hex')}_${lane}`;
  return { lane, text: JSON.stringify({ 'relay-token': relayToken, 'relay-secret': crypto.randomUUID(), 'relay-session-access-token': ACCESS_TOKEN }) };
}

process.on('message', (message) => {
  if (message.delayMs !== undefined) delay = message.delayMs[1] === 0 ? undefined : drawer(message.delayMs, 'upstream');
  process.send(message.report ? spans.plain() : {});
  if (message.report) spans = new Spans();
});
process.on('disconnect', () => process.exit());

server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
