/** What the tests of faults share: requests whose connection may break, and the five calls by name. */
import crypto from 'node:crypto';
import http from 'node:http';
import net from 'node:net';
import { assemblePass, finalize, preparePurchase } from './reference_client.mjs';
import * as step from './support.mjs';

/**
 * @typedef {object} Outcome
 * @property {number | null} status null when not even a head came
 * @property {http.IncomingHttpHeaders} headers
 * @property {string} text as much of the body as came
 * @property {string | null} error code of the failure; null when the answer came whole
 */

/**
 * Sends a request, and never rejects: a connection that breaks is an outcome too.
 * @param {string} url
 * @param {{ path: string, headers?: Record<string, string>, body?: unknown, signal?: AbortSignal }} request
 * @returns {Promise<Outcome>}
 */
export function attempt(url, { path, headers = {}, body = {}, signal }) {
  return new Promise((resolve) => {
    /** @type {Outcome} */
    const outcome = { status: null, headers: {}, text: '', error: null };
    const done = (/** @type {any} */ error) => resolve({ ...outcome, error: error ? (error.code ?? error.message) : null });
    const { hostname, port } = new URL(url);
    const all = { 'Content-Type': 'application/json', 'Key-Inflection': 'kebab', ...headers };
    const request = http.request({ hostname, port, path, method: 'POST', headers: all, signal, agent: false }, (response) => {
      Object.assign(outcome, { status: response.statusCode ?? null, headers: response.headers });
      response.on('data', (chunk) => (outcome.text += chunk));
      response.on('error', done);
      response.on('end', () => done(null));
    });
    request.on('error', done);
    request.end(JSON.stringify(body));
  });
}

/**
 * How a connection ends, seen without HTTP: Node's HTTP client calls an orderly end in the wrong place a reset too.
 * @param {string} url @param {string} path @param {object} body @param {Record<string, string>} [headers]
 * @returns {Promise<{ end: 'reset' | 'orderly', text: string }>}
 */
export function endOfConnection(url, path, body, headers = {}) {
  const content = JSON.stringify(body);
  const all = { Host: 'x', 'Content-Type': 'application/json', 'Content-Length': String(content.length), ...headers };
  const head = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = net.connect(Number(new URL(url).port), '127.0.0.1', () => socket.write(`POST ${path} HTTP/1.1\r\n${head}\r\n${content}`));
    socket.on('data', (chunk) => (text += chunk));
    socket.on('end', () => resolve({ end: 'orderly', text }));
    socket.on('error', (/** @type {NodeJS.ErrnoException} */ error) => (error.code === 'ECONNRESET' ? resolve({ end: 'reset', text }) : reject(error)));
  });
}

/** @param {Promise<unknown>} promise @returns {Promise<boolean>} whether it is still open after a moment */
export async function isPending(promise) {
  const open = Symbol('open');
  const timeout = new Promise((resolve) => setTimeout(resolve, 80, open));
  return (await Promise.race([promise, timeout])) === open;
}

/** A relay whose claim is decided. @param {import('../../simulator/index.mjs').Simulator} simulator */
export async function readyRelay(simulator) {
  const relay = await step.createRelay(simulator.url);
  simulator.complete(relay.token, { result: 'passed' });
  return relay;
}

/** A purchase that can be repeated. @param {string} url @param {string} [idempotencyKey] */
export async function newPurchase(url, idempotencyKey = crypto.randomUUID()) {
  const prepared = preparePurchase(await step.challengeFor(url));
  const request = {
    path: step.PURCHASE,
    headers: { Authorization: `Bearer ${step.SANDBOX_KEY}`, 'Idempotency-Key': idempotencyKey },
    body: { 'blinded-token': prepared.blindedToken, 'key-id': prepared.tokenKeyId },
  };
  const pass = (/** @type {Outcome} */ { text }) =>
    assemblePass({ ...prepared, keyId: prepared.tokenKeyId, signature: finalize(prepared, JSON.parse(text)['blind-sig']) });
  return { prepared, idempotencyKey, pass, request, send: () => attempt(url, request) };
}

/** A redemption that can be repeated. @param {import('../../simulator/index.mjs').Simulator} simulator */
export async function newRedemption(simulator, { idempotencyKey = crypto.randomUUID(), relay = undefined, pass = undefined } = {}) {
  relay ??= await readyRelay(simulator);
  pass ??= (await step.buyPass(simulator.url)).token;
  const request = (key = idempotencyKey) => ({
    path: `${step.RELAYS}/${relay.token}/generate-claim`,
    headers: { Authorization: `PrivateToken token=${pass}`, 'Persona-Relay-Secret': relay.secret, 'Idempotency-Key': key },
  });
  return { relay, pass, idempotencyKey, request: request(), send: (/** @type {string | undefined} */ key = undefined) => attempt(simulator.url, request(key)) };
}

/**
 * Each call, ready to be sent again and again, with how often it took effect.
 * @type {Record<string, (simulator: import('../../simulator/index.mjs').Simulator) => Promise<{ send: () => Promise<Outcome>,
 *   effects: () => number | null, ok: number, relayToken: string | null, idempotencyKey: string | null }>>}
 */
export const calls = {
  create: async (simulator) => ({
    send: () => attempt(simulator.url, { path: step.RELAYS, body: { 'claim-type': step.CLAIM_TYPE, 'encryption-key-pem': null, sandbox: true } }),
    effects: () => Object.keys(simulator.ledger().relays).length,
    ok: 200,
    relayToken: null,
    idempotencyKey: null,
  }),
  challenge: async (simulator) => ({
    send: () => attempt(simulator.url, { path: `${step.RELAYS}/challenge`, body: { 'claim-type': step.CLAIM_TYPE, sandbox: true } }),
    effects: () => null,
    ok: 200,
    relayToken: null,
    idempotencyKey: null,
  }),
  'relay-challenge': async (simulator) => {
    const { token, secret } = await step.createRelay(simulator.url);
    const request = { path: `${step.RELAYS}/${token}/generate-claim`, headers: { 'Persona-Relay-Secret': secret } };
    return { send: () => attempt(simulator.url, request), effects: () => null, ok: 401, relayToken: token, idempotencyKey: null };
  },
  purchase: async (simulator) => {
    const { send, idempotencyKey } = await newPurchase(simulator.url);
    return { send, effects: () => simulator.ledger().billed.total, ok: 200, relayToken: null, idempotencyKey };
  },
  redeem: async (simulator) => {
    const { send, relay, idempotencyKey } = await newRedemption(simulator);
    return { send: () => send(), effects: () => simulator.ledger().spent.total, ok: 200, relayToken: relay.token, idempotencyKey };
  },
};
