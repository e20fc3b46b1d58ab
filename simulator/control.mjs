/**
 * Control calls, under `/_simulator/` on the same port: what a test or a person at a terminal does that a platform
 * cannot. Not part of the upstream API.
 */
import { invalid } from './fault_rules.mjs';
import { readMembers } from './strict.mjs';
import { environmentOf, requireClaimType } from './relays.mjs';

const COMPLETE = /^\/_simulator\/relays\/([A-Za-z0-9_-]{1,128})\/complete$/;

/** @typedef {(response: import('node:http').ServerResponse) => unknown} Act */

/** Longest long poll, milliseconds. */
const MAX_WAIT_MS = 10 * 60 * 1000;

/**
 * @param {import('./http.mjs').Request} request
 * @param {import('./index.mjs').Controls} controls
 * @returns {import('./http.mjs').Route | null}
 */
export function routeControl(request, controls) {
  const route = (/** @type {string} */ method, /** @type {Act} */ act) => routes({ [method]: act });
  const routes = (/** @type {Record<string, Act>} */ acts) => ({
    call: 'control',
    methods: Object.keys(acts),
    run: async (/** @type {unknown} */ _, /** @type {import('node:http').ServerResponse} */ response) => ({
      status: 200,
      body: await acts[request.method](response),
    }),
  });
  const relayToken = COMPLETE.exec(request.path)?.[1];
  if (relayToken) {
    return route('POST', () => {
      const { result, methodology } = readMembers(request.body, { result: 'string', 'methodology?': 'array' });
      return controls.complete(relayToken, { result, methodology });
    });
  }
  switch (request.path) {
    case '/_simulator/ledger':
      return route('GET', () => controls.ledger());
    case '/_simulator/ledger/summary':
      return route('GET', () => controls.summary());
    case '/_simulator/requests':
      return route('GET', () => ({ requests: controls.requests() }));
    case '/_simulator/reset':
      return route('POST', () => {
        controls.reset();
        return { reset: true };
      });
    case '/_simulator/rotate-key':
      return route('POST', () => {
        const body = readMembers(request.body, { claimType: 'string', 'sandbox?': 'boolean' });
        requireClaimType(body.claimType);
        environmentOf(body.sandbox);
        return controls.rotateKey(/** @type {any} */ (body));
      });
    case '/_simulator/options':
      return routes({
        GET: () => controls.configure(),
        POST: () => controls.configure(readMembers(request.body, { 'keepPurchaseFailures?': 'boolean', 'keepRedemptionFailures?': 'boolean' })),
      });
    case '/_simulator/faults':
      return routes({
        GET: () => controls.faults.view(),
        POST: () => {
          const { rules, seed } = readMembers(request.body, { rules: 'array', 'seed?': 'number' });
          return controls.faults.set(rules, seed);
        },
        DELETE: () => {
          controls.faults.clear();
          return controls.faults.view();
        },
      });
    case '/_simulator/faults/release':
      return route('POST', () => ({
        released: controls.faults.release(readMembers(request.body, { 'call?': 'string', 'requestId?': 'string', 'drop?': 'boolean' })),
      }));
    case '/_simulator/faults/processed':
      return route('GET', async (response) => {
        const gone = new AbortController();
        response.once('close', () => gone.abort());
        return { processed: await controls.faults.waitProcessed(...readWait(request.query), gone.signal) };
      });
    default:
      return null;
  }
}

/** @param {string} query @returns {[call: string, timeoutMs: number | undefined]} */
function readWait(query) {
  const parameters = new URLSearchParams(query);
  const unknown = [...parameters.keys()].find((name) => !['call', 'timeout-ms'].includes(name));
  if (unknown !== undefined) throw invalid(`There is no parameter ${JSON.stringify(unknown).slice(0, 80)}: only call and timeout-ms.`);
  const call = parameters.get('call');
  if (call === null) throw invalid('The parameter call is missing.');
  const timeout = parameters.get('timeout-ms');
  if (timeout !== null && !(/^\d{1,7}$/.test(timeout) && Number(timeout) <= MAX_WAIT_MS)) {
    throw invalid(`timeout-ms must be a whole number of milliseconds up to ${MAX_WAIT_MS}.`);
  }
  return [call, timeout === null ? undefined : Number(timeout)];
}
