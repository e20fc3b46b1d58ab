// Persona as the gateway's benchmark needs it, in a process of its own: fast, not strict, and it records what time it took.
// The parent sends `{ delayMs }` to have every answer take at least so long, and `{ report: true }` for the times since the last
// report.

import crypto from 'node:crypto';
import http from 'node:http';
import { Challenges } from '../../simulator/challenges.mjs';
import { IssuerKey } from '../../simulator/issuer.mjs';

const RELAYS = '/api/privacy/v1/relays';
/** As long as a JWT with a few claims. */
const ACCESS_TOKEN = `ey${'J'.repeat(300)}`;
const CLAIM = JSON.stringify({ 'claim-payload': '{"claim_type":"age_over18_germany","claim_result":"passed"}', 'token-consumed': true });

const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = new IssuerKey({ claimType: 'age_over18_germany', environment: 'production', privateKey, spki: 'rsaEncryption', keyIdFormat: 'base64url' });
const issued = new Challenges({ now: Date.now, ttlSeconds: 90 * 24 * 60 * 60 }).issue(key);
const CHALLENGE = JSON.stringify({ challenge: issued.challenge, 'token-key': issued.tokenKey, 'token-key-id': issued.tokenKeyId });

let delayMs = 0;
let calls = 0;
let totalMs = 0;

const server = http.createServer((request, response) => {
  const start = performance.now();
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', () => {
    const text = answer(request.url, Buffer.concat(parts).toString());
    const send = () => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
      response.end(text);
      calls += 1;
      totalMs += performance.now() - start;
    };
    if (delayMs > 0) setTimeout(send, delayMs);
    else send();
  });
});

function answer(path, body) {
  if (path === RELAYS) {
    return JSON.stringify({ 'relay-token': `relay_${crypto.randomBytes(16).toString('hex')}`, 'relay-secret': crypto.randomUUID(), 'relay-session-access-token': ACCESS_TOKEN });
  }
  if (path === `${RELAYS}/challenge`) return CHALLENGE;
  if (path === '/api/v1/privacy-passes') {
    return JSON.stringify({ 'blind-sig': key.blindSign(Buffer.from(JSON.parse(body)['blinded-token'], 'base64url')).toString('base64url') });
  }
  if (path.endsWith('/generate-claim')) return CLAIM;
  throw new Error(`no such path: ${path}`);
}

process.on('message', (message) => {
  if (message.delayMs !== undefined) ({ delayMs } = message);
  process.send(message.report ? { calls, totalMs } : {});
  if (message.report) [calls, totalMs] = [0, 0];
});
process.on('disconnect', () => process.exit());

server.keepAliveTimeout = 600_000;
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
