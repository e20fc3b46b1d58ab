/** What the simulator's tests share: raw requests, and the steps of a relay's life by the reference client. */
import http from 'node:http';
import crypto from 'node:crypto';
import { assemblePass, finalize, preparePurchase } from './reference_client.mjs';

export const RELAYS = '/api/privacy/v1/relays';
export const PURCHASE = '/api/v1/privacy-passes';
export const CLAIM_TYPE = 'age_over18_verified';
export const SANDBOX_KEY = 'persona_sandbox_simulator';
export const PRODUCTION_KEY = 'persona_production_simulator';

/**
 * A request with exactly these headers, besides Host, Connection and the body's length.
 * @param {string} url @param {string} path
 * @param {{ method?: string, headers?: Record<string, string | string[]>, body?: unknown, kebab?: boolean }} [options] a string body is sent as it is;
 *   `kebab: false` leaves Key-Inflection out
 * @returns {Promise<{ status: number, headers: http.IncomingHttpHeaders, text: string, body: any, code?: string }>}
 */
export function send(url, path, { method = 'POST', headers = {}, body = method === 'GET' ? '' : {}, kebab = true } = {}) {
  const bytes = Buffer.from(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
  const { hostname, port } = new URL(url);
  const all = { 'Content-Type': 'application/json', ...(kebab && { 'Key-Inflection': 'kebab' }), 'Content-Length': String(bytes.length), ...headers };
  return new Promise((resolve, reject) => {
    const request = http.request({ hostname, port, path, method, headers: all }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        const parsed = text === '' ? undefined : JSON.parse(text);
        resolve({ status: response.statusCode, headers: response.headers, text, body: parsed, code: parsed?.errors?.[0].code });
      });
    });
    request.on('error', reject);
    request.end(bytes);
  });
}

/** @param {string} url @param {object} [body] overrides */
export async function createRelay(url, body = {}) {
  const answer = await send(url, RELAYS, { body: { 'claim-type': CLAIM_TYPE, 'encryption-key-pem': null, sandbox: true, ...body } });
  if (answer.status !== 200) throw new Error(answer.text);
  return { token: answer.body['relay-token'], secret: answer.body['relay-secret'], access: answer.body['relay-session-access-token'] };
}

/** @param {string} url @param {object} [body] overrides */
export async function challengeFor(url, body = {}) {
  const answer = await send(url, `${RELAYS}/challenge`, { body: { 'claim-type': CLAIM_TYPE, sandbox: true, ...body } });
  if (answer.status !== 200) throw new Error(answer.text);
  return { challenge: answer.body.challenge, tokenKey: answer.body['token-key'], tokenKeyId: answer.body['token-key-id'] };
}

/** @param {string} url @param {{ blindedToken: string, tokenKeyId: string }} prepared @param {object} [options] */
export function purchase(url, { blindedToken, tokenKeyId }, { apiKey = SANDBOX_KEY, idempotencyKey = crypto.randomUUID(), headers = {}, ...more } = {}) {
  return send(url, PURCHASE, {
    headers: { Authorization: `Bearer ${apiKey}`, 'Idempotency-Key': idempotencyKey, ...headers },
    body: { 'blinded-token': blindedToken, 'key-id': tokenKeyId },
    ...more,
  });
}

/** Buys one pass and takes it apart. @param {string} url @param {object} [options] @returns the parts, and the pass as `token` */
export async function buyPass(url, { apiKey = SANDBOX_KEY, ...challengeBody } = {}) {
  const prepared = preparePurchase(await challengeFor(url, challengeBody));
  const answer = await purchase(url, prepared, { apiKey });
  if (answer.status !== 200) throw new Error(answer.text);
  const signature = finalize(prepared, answer.body['blind-sig']);
  const parts = { nonce: prepared.nonce, signature, keyId: prepared.tokenKeyId, rawChallenge: prepared.rawChallenge };
  return { ...parts, token: assemblePass(parts) };
}

/** @param {string} url @param {{ token: string, secret: string }} relay @param {string} pass @param {object} [options] */
export function redeem(url, relay, pass, { idempotencyKey = crypto.randomUUID(), headers = {}, ...more } = {}) {
  return send(url, `${RELAYS}/${relay.token}/generate-claim`, {
    headers: {
      Authorization: `PrivateToken token=${pass}`,
      'Persona-Relay-Secret': relay.secret,
      'Idempotency-Key': idempotencyKey,
      ...headers,
    },
    ...more,
  });
}
