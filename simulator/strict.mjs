/**
 * What a request may look like. The simulator refuses everything that the real service might refuse, and
 * everything that would break a promise of this project even if the real service put up with it.
 */
import { Refusal } from './errors.mjs';
import { objectMembers } from './json_text.mjs';

/** Largest request body, bytes. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Longest idempotency key, characters. */
const MAX_IDEMPOTENCY_KEY = 255;

/**
 * What the headers of a call may say.
 * @typedef {object} HeaderPolicy
 * @property {'none' | 'apiKey' | 'privateToken'} credentials what Authorization carries; with anything but
 *   `apiKey`, an API key anywhere in the request is refused
 * @property {boolean} relaySecret whether Persona-Relay-Secret belongs here
 * @property {boolean} idempotencyKey whether an idempotency key must be there. **[assumed]** Upstream accepts its
 *   absence; a purchase or redemption without one cannot be retried safely, so here it is a 400
 * @property {boolean} anonymous whether only headers that every runtime sends are allowed
 */

/**
 * User-Agents that bare runtimes send by themselves and that name nobody: Node (undici), Deno, Bun, workerd,
 * edge-runtime, and the edge runtime of `next start`.
 */
const BARE_USER_AGENTS = /^(?:node|undici|Deno\/[\w.+-]+|Bun\/[\w.+-]+|Cloudflare-Workers|Edge Runtime|Next\.js Middleware)$/;

/** Header names that an anonymous call may carry, and the values where the value could identify. */
const ANONYMOUS_HEADERS = new Map(
  /** @type {[string, RegExp][]} */ ([
    ...['host', 'connection', 'keep-alive', 'content-type', 'content-length', 'transfer-encoding', 'te'].map(any),
    ...['authorization', 'persona-relay-secret', 'idempotency-key', 'key-inflection'].map(any),
    ...['accept-encoding', 'cache-control', 'pragma'].map(any),
    ['accept', /^(?:\*\/\*|application\/json)$/],
    ['accept-language', /^\*$/],
    ['sec-fetch-mode', /^[a-z-]+$/],
    ['priority', /^u=\d(?:, i)?$/],
    ['user-agent', BARE_USER_AGENTS],
  ]),
);

/**
 * Headers that Cloudflare adds to a Worker's fetch and that code cannot remove; where the Worker is deployed can.
 * Counted in the ledger, refused only with the option `refusePlatformHeaders`.
 */
const PLATFORM_HEADERS = /^(?:cf-[a-z-]+|cdn-loop)$/;

/** Headers that must not come twice. */
const SINGLE_HEADERS = ['authorization', 'content-type', 'idempotency-key', 'key-inflection', 'persona-relay-secret', 'persona-version'];

/**
 * @param {import('./http.mjs').Request} request
 * @param {HeaderPolicy} policy
 * @param {{ apiKeys: string[], refusePlatformHeaders: boolean }} environment
 * @returns {{ platformHeaders: string[] }} lower-case names of tolerated headers that an anonymous call carried
 */
export function checkHeaders(request, policy, { apiKeys, refusePlatformHeaders }) {
  if (request.query !== '') throw bad('query_unexpected', 'This call takes no query.');
  if (policy.credentials !== 'apiKey') refuseApiKey(request, apiKeys);
  const twice = SINGLE_HEADERS.find((name) => (request.headers.get(name)?.length ?? 0) > 1);
  if (twice) throw bad('header_repeated', `The header ${twice} came more than once.`);

  if (policy.credentials === 'none' && request.headers.has('authorization')) {
    throw bad('authorization_unexpected', 'This call is not authenticated: it must carry no Authorization.');
  }
  if (!policy.relaySecret && request.headers.has('persona-relay-secret')) {
    throw bad('relay_secret_unexpected', 'This call does not need Persona-Relay-Secret: it must not carry it.');
  }
  const inflection = header(request, 'key-inflection');
  if (inflection !== undefined && !['kebab', 'camel', 'snake'].includes(inflection)) {
    throw bad('key_inflection_invalid', 'Key-Inflection must be kebab, camel or snake.');
  }
  const version = header(request, 'persona-version');
  if (version !== undefined && !/^\d{4}-\d{2}-\d{2}$/.test(version)) {
    throw bad('persona_version_invalid', 'Persona-Version must be a date, YYYY-MM-DD.');
  }
  checkIdempotencyKey(header(request, 'idempotency-key'), policy.idempotencyKey);
  return { platformHeaders: policy.anonymous ? checkAnonymous(request, refusePlatformHeaders) : [] };
}

/**
 * Reads a body that is an object with exactly the members of `shape`, in kebab-case or camelCase.
 *
 * @param {import('./http.mjs').Request} request
 * @param {Record<string, string>} shape camelCase name, with a trailing `?` when optional, to `string`, `boolean`
 *   or `string|null`
 * @returns {Record<string, any>} by camelCase name
 */
export function readBody(request, shape) {
  const type = header(request, 'content-type') ?? '';
  if (!/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i.test(type)) {
    throw new Refusal(415, 'content_type_unsupported', 'Content-Type must be application/json.');
  }
  if (request.headers.has('content-encoding')) {
    throw new Refusal(415, 'content_encoding_unsupported', 'The body must not be encoded.');
  }
  return readMembers(request.body, shape);
}

/**
 * {@link readBody} without the headers.
 * @param {Buffer} body @param {Record<string, string>} shape
 */
export function readMembers(body, shape) {
  const members = objectMembers(body.toString('utf8'));
  if (members === null || !Buffer.from(body.toString('utf8')).equals(body)) {
    throw bad('body_malformed', 'The body must be a JSON object in UTF-8.');
  }
  /** @type {Record<string, any>} */
  const read = {};
  for (const { name, value } of members) {
    const camel = /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name) ? camelCase(name) : name;
    const slot = [camel, `${camel}?`].find((wanted) => Object.hasOwn(shape, wanted));
    if (!slot || camel.endsWith('?')) throw bad('member_unknown', `The body has a member that this call does not have: ${JSON.stringify(name).slice(0, 80)}.`);
    if (Object.hasOwn(read, camel)) throw bad('member_repeated', `The body has the member ${name} more than once.`);
    const kind = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
    if (!shape[slot].split('|').includes(kind)) throw bad('member_mistyped', `The member ${name} must be ${shape[slot]}.`);
    read[camel] = value;
  }
  const missing = Object.keys(shape).find((name) => !name.endsWith('?') && !Object.hasOwn(read, name));
  if (missing) throw bad('member_missing', `The body must have the member ${kebabCase(missing)}.`);
  return read;
}

/**
 * @param {string} text
 * @returns {Buffer | null} null unless `text` is canonical unpadded base64url of at least one byte
 */
export function fromBase64url(text) {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.length > 0 && bytes.toString('base64url') === text ? bytes : null;
}

/** @param {import('./http.mjs').Request} request @param {string} name lower case */
export function header(request, name) {
  return request.headers.get(name)?.[0];
}

/** @param {string} name */
export function kebabCase(name) {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** @param {string} name */
function camelCase(name) {
  return name.replace(/-([a-z0-9])/g, (_, letter) => letter.toUpperCase());
}

/** @param {string} name @returns {[string, RegExp]} */
function any(name) {
  return [name, /^/];
}

/** @param {import('./http.mjs').Request} request @param {string[]} apiKeys */
function refuseApiKey(request, apiKeys) {
  const authorization = (request.headers.get('authorization') ?? []).join('\n');
  const everything = [request.target, ...request.rawHeaders.flat(), request.body.toString('latin1')].join('\n');
  if (
    /^bearer\b/im.test(authorization) ||
    /persona_(?:sandbox|production)_/.test(everything) ||
    apiKeys.some((key) => everything.includes(key))
  ) {
    throw bad('api_key_on_anonymous_call', 'This call is anonymous: an API key must never be sent on it.');
  }
}

/** @param {string | undefined} key @param {boolean} required */
function checkIdempotencyKey(key, required) {
  if (key === undefined || key === '') {
    if (required || key === '') throw bad('idempotency_key_missing', 'This call must carry an Idempotency-Key.');
    return;
  }
  if (key.length > MAX_IDEMPOTENCY_KEY || !/^[\x21-\x7e]+$/.test(key)) {
    throw bad('idempotency_key_invalid', `Idempotency-Key must be 1 to ${MAX_IDEMPOTENCY_KEY} visible ASCII characters.`);
  }
}

/** @param {import('./http.mjs').Request} request @param {boolean} refusePlatformHeaders */
function checkAnonymous(request, refusePlatformHeaders) {
  const platformHeaders = [];
  for (const [name, values] of request.headers) {
    if (!refusePlatformHeaders && PLATFORM_HEADERS.test(name)) {
      platformHeaders.push(name);
      continue;
    }
    const allowed = ANONYMOUS_HEADERS.get(name);
    if (!allowed || !values.every((value) => allowed.test(value))) {
      throw bad('identifying_header', `Redeeming is anonymous: the header ${name} could name the platform.`);
    }
  }
  return platformHeaders;
}

/** @param {string} code @param {string} details */
function bad(code, details) {
  return new Refusal(400, code, details);
}
