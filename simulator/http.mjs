/** The HTTP side: one server, one pipeline. Read and record, route, run, write. */
import diagnostics from 'node:diagnostics_channel';
import http from 'node:http';
import { newRequestId } from './calls.mjs';
import { Refusal, UsageError } from './errors.mjs';
import { header, kebabCase, MAX_BODY_BYTES } from './strict.mjs';

/**
 * @typedef {object} Request a request, read completely
 * @property {string} method
 * @property {string} target path and query as they stood in the request line, never normalised
 * @property {string} path
 * @property {string} query without its `?`
 * @property {[string, string][]} rawHeaders names and values as they came, in their order
 * @property {Map<string, string[]>} headers by lower-case name
 * @property {Buffer} body
 * @property {boolean} tooLarge whether the body was longer than {@link MAX_BODY_BYTES} and was cut
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {Record<string, string>} [headers]
 * @property {unknown} body an object with camelCase keys; written in the inflection that the request asked for
 * @property {string} [text] what is written instead of `body`, as it is
 *
 * @typedef {object} Change what an interceptor may have done differently inside a call
 * @property {(execute: () => Answer | Promise<Answer>) => Promise<Answer>} [around] stands around a purchase or
 *   redemption *within* its idempotency memory, so the memory keeps what it returns; `execute` may throw a {@link Refusal}
 * @property {number} [expiresAt] of a challenge, milliseconds since 1970
 * @property {string} [keyBeside] whose key the challenge is for, instead of the current one
 * @property {string} [keyId] what the key of the challenge is called, instead of by its own id
 * @property {boolean} [rotateKey] whether the issuer key is rotated right after it was handed out with a challenge
 *
 * @typedef {object} Route
 * @property {string} call `create`, `challenge`, `relay-challenge`, `purchase`, `redeem`, or `control`
 * @property {string[]} methods
 * @property {string | null} [relayToken] the relay that the path names
 * @property {(change: Change, response: http.ServerResponse) => Promise<Answer>} run does the call; may throw a
 *   {@link Refusal}. Nothing has happened before it
 *
 * @typedef {object} Exchange one request on its way, for an interceptor
 * @property {string} call
 * @property {Request} request
 * @property {string | null} relayToken the relay that the path names
 * @property {string} requestId
 * @property {http.ServerResponse} response
 *
 * @typedef {(exchange: Exchange, next: (change?: Change) => Promise<Answer>) => Promise<Answer | null>} Intercept stands around
 *   every upstream call (control calls excepted). `next` performs the call and never throws a refusal; calling it late, or not
 *   at all, or changing what it returned, is how a fault is made. null: the response was dealt with already
 *
 * @typedef {object} Recorded
 * @property {string} id the Request-Id
 * @property {string} at
 * @property {string} call
 * @property {string} method
 * @property {string} target
 * @property {[string, string][]} rawHeaders
 * @property {string} body
 * @property {number | null} status null while under way, or when the connection was dropped
 */

/** `{ request }` of each upstream call before anything is done, `{ request, answer }` once it was: for tests that follow secrets. */
const exchanges = diagnostics.channel('relay-edge-simulator:exchange');

/** Longest body that is read to its end just to be able to answer 413, bytes. */
const MAX_DRAIN_BYTES = 8 * 1024 * 1024;

/**
 * Listens on 127.0.0.1.
 *
 * @param {object} options
 * @param {number} options.port 0 for any
 * @param {(request: Request) => Route | null} options.route
 * @param {Intercept} options.intercept
 * @param {import('./ledger.mjs').Ledger} options.ledger
 * @param {() => number} options.now
 * @param {boolean} options.verbose
 * @param {number} options.recordedRequests how many of the latest requests are remembered
 * @returns {Promise<{ port: number, recorded: Recorded[], close(): Promise<void> }>} `recorded` is oldest first
 */
export async function serve({ port, route, intercept, ledger, now, verbose, recordedRequests }) {
  /** @type {Recorded[]} */
  const recorded = [];
  const server = http.createServer(async (incoming, response) => {
    const request = await read(incoming);
    if (request === null) return;
    const requestId = newRequestId();
    const found = route(request);
    const record = remember(recorded, recordedRequests, { request, requestId, call: found?.call ?? 'none', now });
    const publish = (/** @type {Answer | undefined} */ answer) => exchanges.hasSubscribers && record && exchanges.publish({ request, answer });
    publish(undefined);
    const next = async (/** @type {Change} */ change = {}) => {
      const answer = await perform(request, found, ledger, change, response);
      publish(answer);
      return answer;
    };
    const exchange = { call: record?.call ?? 'control', request, relayToken: found?.relayToken ?? null, requestId, response };
    try {
      const answer = record ? await intercept(exchange, next) : await next();
      if (answer === null) return;
      if (record) record.status = answer.status;
      write(response, answer, record ? written(answer, request) : JSON.stringify(answer.body), requestId);
    } catch (error) {
      console.error('simulator: interceptor failed:', error);
      response.destroy();
    } finally {
      if (verbose) console.error(`${request.method} ${request.path} -> ${record?.status ?? '-'} ${requestId}`);
    }
  });
  // Longer than any client keeps an idle connection: closing one under a client that is about to use it looks like a
  // dropped request, and drops must only happen where a test asks for them.
  server.keepAliveTimeout = 10 * 60 * 1000;
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
  });
  await new Promise((/** @type {(value: void) => void} */ resolve, reject) => {
    server.once('error', (/** @type {NodeJS.ErrnoException} */ error) => reject(listenError(error, port)));
    server.listen(port, '127.0.0.1', () => resolve());
  });
  return {
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    recorded,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/**
 * Runs a call. Refusals become answers here, and anything unexpected becomes a 500 that says nothing.
 * @param {Request} request @param {Route | null} found @param {import('./ledger.mjs').Ledger} ledger
 * @param {Change} change @param {http.ServerResponse} response
 * @returns {Promise<Answer>}
 */
async function perform(request, found, ledger, change, response) {
  try {
    if (!found) throw new Refusal(404, 'path_unknown', 'There is no such path.');
    if (!found.methods.includes(request.method)) {
      throw new Refusal(405, 'method_not_allowed', 'This path does not take this method.', { headers: { Allow: found.methods.join(', ') } });
    }
    if (request.tooLarge) throw new Refusal(413, 'body_too_large', `The body must not be longer than ${MAX_BODY_BYTES} bytes.`);
    return await found.run(change, response);
  } catch (error) {
    if (!(error instanceof Refusal)) {
      console.error('simulator: internal error:', error);
      return { status: 500, body: { errors: [{ title: 'Internal server error', code: 'internal' }] } };
    }
    if (found?.call !== 'control') ledger.refuse(error.code);
    return error.toAnswer();
  }
}

/** @param {http.IncomingMessage} incoming @returns {Promise<Request | null>} null when the client went away */
async function read(incoming) {
  const chunks = [];
  let size = 0;
  try {
    for await (const chunk of incoming) {
      size += chunk.length;
      if (size > MAX_DRAIN_BYTES) return incoming.destroy(), null;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    }
  } catch {
    return null;
  }
  /** @type {[string, string][]} */
  const rawHeaders = [];
  /** @type {Map<string, string[]>} */
  const headers = new Map();
  for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
    const [name, value] = [incoming.rawHeaders[at], incoming.rawHeaders[at + 1]];
    rawHeaders.push([name, value]);
    const known = headers.get(name.toLowerCase());
    if (known) known.push(value);
    else headers.set(name.toLowerCase(), [value]);
  }
  const target = incoming.url ?? '';
  const mark = target.indexOf('?');
  return {
    method: incoming.method ?? '',
    target,
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1) || '?',
    rawHeaders,
    headers,
    body: Buffer.concat(chunks),
    tooLarge: size > MAX_BODY_BYTES,
  };
}

/**
 * @param {Recorded[]} recorded @param {number} limit @param {{ request: Request, requestId: string, call: string, now: () => number }} of
 * @returns {Recorded | null} null for control calls, which are not recorded
 */
function remember(recorded, limit, { request, requestId, call, now }) {
  if (call === 'control') return null;
  const { method, target, rawHeaders, body } = request;
  const at = new Date(now()).toISOString();
  const record = { id: requestId, at, call, method, target, rawHeaders, body: body.toString('utf8'), status: null };
  recorded.push(record);
  if (recorded.length > limit) recorded.shift();
  return record;
}

/** The body of an answer as it goes over the wire. @param {Answer} answer @param {Request} request */
export function written(answer, request) {
  return answer.text ?? JSON.stringify(inflect(answer.body, header(request, 'key-inflection')));
}

/** @param {http.ServerResponse} response @param {Answer} answer @param {string} text @param {string} requestId */
function write(response, answer, text, requestId) {
  const body = Buffer.from(text);
  response.writeHead(answer.status, {
    ...answer.headers,
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Request-Id': requestId,
  });
  response.end(body);
}

/** Top-level keys only: nothing below them is ours to rename. @param {any} body @param {string | undefined} inflection */
function inflect(body, inflection) {
  if (inflection !== 'kebab' && inflection !== 'snake') return body;
  const rename = (/** @type {string} */ name) => (inflection === 'kebab' ? kebabCase(name) : kebabCase(name).replaceAll('-', '_'));
  return Object.fromEntries(Object.entries(body).map(([name, value]) => [rename(name), value]));
}

/** @param {NodeJS.ErrnoException} error @param {number} port */
function listenError(error, port) {
  if (error.code === 'EADDRINUSE') return new UsageError(`Port ${port} is taken: stop what is using it, or choose another port.`);
  if (error.code === 'EACCES') return new UsageError(`Port ${port} needs more rights than this process has: choose a port above 1023.`);
  return error;
}
