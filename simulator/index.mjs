/**
 * A local, strict stand-in for the upstream API (docs/protocol.md), for tests and for trying things out. All its
 * cryptography is OpenSSL's (node:crypto), so that what our own code makes is judged by somebody else's.
 */
import { Calls } from './calls.mjs';
import { Challenges, PASS_LIFETIME_SECONDS } from './challenges.mjs';
import { routeControl } from './control.mjs';
import { UsageError } from './errors.mjs';
import { Faults } from './faults.mjs';
import { serve } from './http.mjs';
import { IdempotencyMemory } from './idempotency.mjs';
import { Issuer } from './issuer.mjs';
import { Ledger } from './ledger.mjs';
import { Passes } from './passes.mjs';
import { environmentOf, Relays } from './relays.mjs';

export { UsageError };

/**
 * @typedef {object} Options
 * @property {number} [port] default 0: any free port. Listens on 127.0.0.1 only
 * @property {2048 | 3072 | 4096} [modulusLength] bits of the issuer keys, default 2048
 * @property {'rsaEncryption' | 'rsassaPss'} [spki] algorithm identifier of `token-key`, default rsaEncryption
 * @property {'base64url' | 'hex'} [keyIdFormat] how `token-key-id` spells its SHA-256, default base64url
 * @property {{ sandbox?: string[], production?: string[] }} [apiKeys] default `persona_<environment>_simulator`
 * @property {() => number} [now] milliseconds since 1970, default Date.now
 * @property {number} [challengeTtlSeconds] until a challenge, and a pass for it, expires; default 90 days
 * @property {boolean} [keepPurchaseFailures] whether an idempotency key also keeps failed purchases (all but 401
 *   and 429), as the general API is documented to; default false
 * @property {boolean} [keepRedemptionFailures] the same for redemptions; default false
 * @property {boolean} [refusePlatformHeaders] whether a redemption that carries CF-* or CDN-Loop is refused;
 *   default false: they are counted in the ledger
 * @property {number} [recordedRequests] how many of the latest requests are remembered, default 1000
 * @property {number} [seed] with it relay tokens are the same in every run, and so is what seeded faults do to them
 * @property {import('./http.mjs').Intercept} [intercept] stands around every upstream call, inside the faults;
 *   default: does nothing
 * @property {boolean} [verbose] one line on stderr per request, default false
 *
 * @typedef {{ keepPurchaseFailures: boolean, keepRedemptionFailures: boolean }} Switches what can be changed at runtime
 *
 * @typedef {object} Controls the control endpoints, without HTTP
 * @property {Faults} faults
 * @property {() => import('./ledger.mjs').LedgerView} ledger
 * @property {() => import('./ledger.mjs').LedgerSummary} summary the ledger without its lists
 * @property {() => import('./http.mjs').Recorded[]} requests the latest, oldest first, as they were on the wire
 * @property {(relayToken: string, outcome: { result: import('./claims.mjs').Result,
 *   methodology?: import('./claims.mjs').Method[] }) => { relayToken: string, state: string }} complete
 * @property {(switches?: Partial<Switches>) => Switches} configure changes switches, and says how they stand
 * @property {() => void} reset forgets all but the issuer keys and API keys; faults too, and switches go back to what
 *   the options said
 * @property {(which: { claimType: string, sandbox?: boolean }) => Promise<{ tokenKey: string, tokenKeyId: string }>} issuerKey
 * @property {(which: { claimType: string, sandbox?: boolean }) => Promise<{ tokenKey: string, tokenKeyId: string }>} rotateKey
 *
 * @typedef {Controls & { url: string, port: number, close: () => Promise<void> }} Simulator
 *
 * @typedef {object} State
 * @property {Switches & { now: () => number, refusePlatformHeaders: boolean }} options
 * @property {Map<string, 'sandbox' | 'production'>} apiKeys
 * @property {Issuer} issuer
 * @property {Challenges} challenges
 * @property {Passes} passes
 * @property {Relays} relays
 * @property {IdempotencyMemory} idempotency
 * @property {Ledger} ledger
 * @property {Faults} faults
 */

/**
 * @param {Options} [options]
 * @returns {Promise<Simulator>} once it listens
 */
export async function startSimulator(options = {}) {
  const { port, intercept, verbose, recordedRequests, ...settings } = checkOptions(options);
  const state = newState(settings);
  const calls = new Calls(state);
  /** @type {import('./http.mjs').Recorded[]} */
  let recorded = [];
  const controls = newControls(state, () => recorded);
  const server = await serve({
    port,
    route: (request) => routeControl(request, controls) ?? calls.route(request),
    intercept: (exchange, next) => state.faults.intercept(exchange, (change) => intercept(exchange, (own) => next({ ...change, ...own }))),
    ledger: state.ledger,
    now: settings.now,
    verbose,
    recordedRequests,
  });
  recorded = server.recorded;
  const close = () => {
    state.faults.reset();
    return server.close();
  };
  return { ...controls, url: `http://127.0.0.1:${server.port}`, port: server.port, close };
}

/** @param {Options} options */
function checkOptions(options) {
  const defaults = {
    port: 0,
    modulusLength: 2048,
    spki: 'rsaEncryption',
    keyIdFormat: 'base64url',
    apiKeys: {},
    now: Date.now,
    challengeTtlSeconds: PASS_LIFETIME_SECONDS,
    keepPurchaseFailures: false,
    keepRedemptionFailures: false,
    recordedRequests: 1000,
    seed: undefined,
    refusePlatformHeaders: false,
    intercept: (/** @type {unknown} */ _, /** @type {() => Promise<import('./http.mjs').Answer>} */ next) => next(),
    verbose: false,
  };
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(defaults, name));
  if (unknown) throw new UsageError(`The simulator has no option ${unknown}.`);
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const all = /** @type {Required<Options>} */ ({ ...defaults, ...given });
  requireOneOf('modulusLength', all.modulusLength, [2048, 3072, 4096]);
  requireOneOf('spki', all.spki, ['rsaEncryption', 'rsassaPss']);
  requireOneOf('keyIdFormat', all.keyIdFormat, ['base64url', 'hex']);
  if (!Number.isInteger(all.port) || all.port < 0 || all.port > 65535) throw new UsageError('port must be a whole number from 0 to 65535.');
  if (!Number.isFinite(all.challengeTtlSeconds)) throw new UsageError('challengeTtlSeconds must be a number of seconds.');
  if (!Number.isInteger(all.recordedRequests) || all.recordedRequests < 0) throw new UsageError('recordedRequests must be a whole number from 0.');
  if (all.seed !== undefined && !Number.isSafeInteger(all.seed)) throw new UsageError('seed must be a whole number.');
  return all;
}

/** @param {string} name @param {unknown} value @param {unknown[]} allowed */
function requireOneOf(name, value, allowed) {
  if (!allowed.includes(value)) throw new UsageError(`${name} must be one of ${allowed.join(', ')}.`);
}

/** @param {Omit<Required<Options>, 'port' | 'intercept' | 'verbose' | 'recordedRequests'>} settings @returns {State} */
function newState({ modulusLength, spki, keyIdFormat, apiKeys, now, challengeTtlSeconds, seed, ...settings }) {
  const issuer = new Issuer({ modulusLength, spki, keyIdFormat });
  const challenges = new Challenges({ now, ttlSeconds: challengeTtlSeconds });
  const { sandbox = ['persona_sandbox_simulator'], production = ['persona_production_simulator'] } = apiKeys;
  const { keepPurchaseFailures, keepRedemptionFailures, refusePlatformHeaders } = settings;
  const options = { now, keepPurchaseFailures, keepRedemptionFailures, refusePlatformHeaders };
  const keepsFailures = (/** @type {string} */ call) =>
    (call === 'purchase' && options.keepPurchaseFailures) || (call === 'redeem' && options.keepRedemptionFailures);
  return {
    options,
    apiKeys: new Map([
      ...sandbox.map((key) => /** @type {const} */ ([key, 'sandbox'])),
      ...production.map((key) => /** @type {const} */ ([key, 'production'])),
    ]),
    issuer,
    challenges,
    passes: new Passes({ issuer, challenges }),
    relays: new Relays({ now, seed }),
    idempotency: new IdempotencyMemory({ now }),
    ledger: new Ledger(),
    faults: new Faults({ now, keepsFailures }),
  };
}

/** @param {State} state @param {() => import('./http.mjs').Recorded[]} recorded @returns {Controls} */
function newControls(state, recorded) {
  const described = (/** @type {import('./issuer.mjs').IssuerKey} */ key) => ({
    tokenKey: key.tokenKey.toString('base64url'),
    tokenKeyId: key.keyId,
  });
  const { keepPurchaseFailures, keepRedemptionFailures } = state.options;
  const asStarted = { keepPurchaseFailures, keepRedemptionFailures };
  const configure = (/** @type {Partial<Switches>} */ switches = {}) => {
    for (const [name, value] of Object.entries(switches)) {
      if (!Object.hasOwn(asStarted, name)) throw new UsageError(`There is no switch ${name}.`);
      if (typeof value !== 'boolean') throw new UsageError(`${name} must be true or false.`);
    }
    Object.assign(state.options, switches);
    const { keepPurchaseFailures, keepRedemptionFailures } = state.options;
    return { keepPurchaseFailures, keepRedemptionFailures };
  };
  return {
    faults: state.faults,
    configure,
    ledger: () => state.ledger.view(state),
    summary: () => state.ledger.summary(state),
    requests: () => structuredClone(recorded()),
    complete: (relayToken, outcome) => {
      const relay = state.relays.complete(relayToken, outcome);
      return { relayToken, state: /** @type {string} */ (relay.result) };
    },
    reset: () => {
      recorded().length = 0;
      configure(asStarted);
      for (const part of [state.faults, state.challenges, state.passes, state.relays, state.idempotency, state.ledger]) part.reset();
    },
    issuerKey: async ({ claimType, sandbox }) => described(await state.issuer.current(claimType, environmentOf(sandbox))),
    rotateKey: async ({ claimType, sandbox }) => described(await state.issuer.rotate(claimType, environmentOf(sandbox))),
  };
}
