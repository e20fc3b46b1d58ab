/** What each fault does to an exchange (fault_rules.mjs says when). Drops are real: the socket is reset. */
import crypto from 'node:crypto';
import { keepsFailuresToo } from './idempotency.mjs';
import { written } from './http.mjs';
import { header } from './strict.mjs';

/**
 * @typedef {import('./http.mjs').Answer} Answer
 *
 * @typedef {object} Scene one exchange that a rule strikes
 * @property {import('./fault_rules.mjs').Rule} rule
 * @property {import('./http.mjs').Exchange} exchange
 * @property {boolean} repeats whether the idempotency key is stuck from an earlier request
 * @property {boolean} keepsFailures whether the idempotency memory of this call keeps failures now
 * @property {() => number} now
 * @property {(change?: import('./http.mjs').Change) => Promise<Answer | null>} process does the call, and holds it
 *   then if the rule says so; null when there is nothing left to answer
 * @property {(ms: number | undefined) => Promise<boolean>} hang false when there is nothing left to answer
 */

/** Until what was written is on its way to the client, and a reset cannot overtake it, milliseconds. */
const FLUSH_MS = 15;

/** How long ago an expired challenge expired when the rule does not say, milliseconds. */
const EXPIRED_AGO_MS = 60 * 60 * 1000;

/** @type {Record<string, (scene: Scene) => Promise<Answer | null>>} */
const ACTIONS = {
  'drop-before': async ({ exchange }) => reset(exchange),
  'drop-after': async ({ exchange, process }) => {
    await process();
    return reset(exchange);
  },
  'hang-before': async ({ rule, process, hang }) => ((await hang(rule.ms)) ? process() : null),
  'hang-after': async ({ rule, process, hang }) => {
    const answer = await process();
    return answer && (await hang(rule.ms)) ? answer : null;
  },
  slow: async ({ rule, process, hang }) => {
    const answer = await process();
    return answer && (await hang(rule.ms)) ? answer : null;
  },
  '500-before': (scene) => failUnprocessed(scene, failure(scene.rule.status)),
  '500-after': (scene) => failProcessed(scene, failure(scene.rule.status)),
  'sticky-500-before': (scene) => failUnprocessed(scene, failure(500)),
  'sticky-500-after': (scene) => (scene.repeats ? failUnprocessed : failProcessed)(scene, failure(500)),
  '403-then-ready': (scene) =>
    failUnprocessed(scene, failure(403, 'claim_not_ready', 'The verification of this relay is not completed.')),
  429: async ({ rule }) => ({
    ...failure(429, 'rate_limited', 'Too many requests.'),
    headers: { 'Retry-After': String(rule.retryAfter ?? 1) },
  }),
  redirect: async ({ rule }) => ({
    status: rule.status ?? 302,
    headers: { Location: /** @type {string} */ (rule.location) },
    body: {},
  }),
  truncated: ({ exchange, process }) => process().then((answer) => answer && cutShort(exchange, answer, 'length')),
  'truncated-chunked': ({ exchange, process }) => process().then((answer) => answer && cutShort(exchange, answer, 'chunked')),
  'malformed-json': async ({ exchange, process }) => {
    const answer = await process();
    const text = answer && written(answer, exchange.request);
    return answer && text && { ...answer, text: text.slice(0, Math.ceil(text.length / 2)) };
  },
  'wrong-signature': (scene) =>
    forgeSignature(scene, (signature) => signature.map((byte, at) => (at === signature.length - 1 ? byte ^ 1 : byte))),
  'wrong-signature-length': (scene) => forgeSignature(scene, (signature) => signature.subarray(0, -1)),
  'expired-challenge': ({ rule, now, process }) => process({ expiresAt: now() - (rule.ms ?? EXPIRED_AGO_MS) }),
  // A key of its own for each request, or for each value of a header, as an issuer has it that tells platforms apart.
  'own-key': ({ rule, exchange, process }) =>
    process({ keyBeside: rule.per === undefined ? exchange.requestId : `${rule.per} ${header(exchange.request, rule.per.toLowerCase()) ?? ''}` }),
  'wrong-key-id': ({ rule, process }) => process({ keyId: rule.keyId ?? crypto.randomBytes(32).toString('base64url') }),
  'key-rotated': ({ process }) => process({ rotateKey: true }),
  'extra-headers': async ({ rule, process }) => {
    const answer = await process();
    return answer && { ...answer, headers: { ...answer.headers, ...rule.headers } };
  },
  'missing-members': async ({ rule, process }) => {
    const answer = await process();
    return answer && { status: 200, body: rule.body ?? {} };
  },
};

/** @param {Scene} scene @returns {Promise<Answer | null>} */
export function carryOut(scene) {
  return scene.rule.fault === null || scene.rule.fault === undefined ? scene.process() : ACTIONS[scene.rule.fault](scene);
}

/** Ends a connection with a TCP reset. @param {import('./http.mjs').Exchange} exchange @returns {null} */
export function reset({ response }) {
  response.socket?.resetAndDestroy();
  return null;
}

/** @param {number} [status] @param {string} [code] @param {string} [details] @returns {Answer} */
function failure(status = 500, code = 'injected', details = 'A fault that was asked for.') {
  return { status, body: { errors: [{ title: TITLES[status] ?? 'Error', details, code }] } };
}

/** @type {Record<number, string>} */
const TITLES = {
  403: 'Forbidden',
  429: 'Too many requests',
  500: 'Internal server error',
  502: 'Bad gateway',
  503: 'Service unavailable',
  504: 'Gateway timeout',
};

/**
 * Whether the idempotency memory learns of a failure. **[assumed]** 502, 503 and 504 are answers of a proxy in front
 * of the API, which knows no idempotency keys.
 * @param {Scene} scene @param {Answer} answer
 */
function isKept({ keepsFailures }, answer) {
  return keepsFailures && keepsFailuresToo(answer) && ![502, 503, 504].includes(answer.status);
}

/** @param {Scene} scene @param {Answer} answer */
async function failUnprocessed(scene, answer) {
  // The call goes as far as the memory, so that the failure is kept there; what it is for does not happen.
  if (isKept(scene, answer)) await scene.process({ around: async () => answer });
  return answer;
}

/** @param {Scene} scene @param {Answer} answer */
async function failProcessed(scene, answer) {
  const around = async (/** @type {() => Answer | Promise<Answer>} */ execute) => {
    await execute();
    return answer;
  };
  return (await scene.process(isKept(scene, answer) ? { around } : {})) && answer;
}

/**
 * The forged signature is what upstream made, so the idempotency memory keeps it, unless the rule says `remember:
 * false`: then the next request with the key gets the good one.
 * @param {Scene} scene @param {(signature: Uint8Array) => Uint8Array} forge
 */
async function forgeSignature({ rule, process }, forge) {
  const forged = (/** @type {Answer} */ answer) => {
    const { blindSig } = /** @type {{ blindSig?: string }} */ (answer.body);
    if (answer.status !== 200 || blindSig === undefined) return answer;
    return { ...answer, body: { blindSig: Buffer.from(forge(Buffer.from(blindSig, 'base64url'))).toString('base64url') } };
  };
  if (rule.remember) return process({ around: async (execute) => forged(await execute()) });
  const answer = await process();
  return answer && forged(answer);
}

/**
 * Sends half of a body: of the announced length and then a reset, or chunked and then an end without the last chunk.
 * @param {import('./http.mjs').Exchange} exchange @param {Answer} answer @param {'length' | 'chunked'} how
 * @returns {Promise<null>}
 */
async function cutShort({ response, request, requestId }, answer, how) {
  const bytes = Buffer.from(written(answer, request));
  const length = how === 'length' ? { 'Content-Length': bytes.length } : { 'Transfer-Encoding': 'chunked' };
  response.writeHead(answer.status, {
    ...answer.headers,
    'Content-Type': 'application/json; charset=utf-8',
    ...length,
    'Request-Id': requestId,
  });
  response.write(bytes.subarray(0, Math.ceil(bytes.length / 2)));
  await new Promise((resolve) => setTimeout(resolve, FLUSH_MS));
  if (how === 'length') response.socket?.resetAndDestroy();
  else response.socket?.destroy();
  return null;
}
