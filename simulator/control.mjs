/**
 * Control calls, under `/_simulator/` on the same port: what a test or a person at a terminal does that a platform
 * cannot. Not part of the upstream API.
 */
import { readMembers } from './strict.mjs';
import { environmentOf, requireClaimType } from './relays.mjs';

const COMPLETE = /^\/_simulator\/relays\/([A-Za-z0-9_-]{1,128})\/complete$/;

/**
 * @param {import('./http.mjs').Request} request
 * @param {import('./index.mjs').Controls} controls
 * @returns {import('./http.mjs').Route | null}
 */
export function routeControl(request, controls) {
  const route = (/** @type {string} */ method, /** @type {() => unknown} */ act) => ({
    call: 'control',
    methods: [method],
    run: async () => ({ status: 200, body: await act() }),
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
    default:
      return null;
  }
}
