/**
 * The four upstream calls (docs/protocol.md section 1). A call is found by {@link Calls.route}, and nothing happens
 * until its `run` is called: what wants to interfere with a call can do so before or after.
 */
import crypto from 'node:crypto';
import { challengeRefusal } from './challenges.mjs';
import { claimPayload, claimText } from './claims.mjs';
import { Refusal } from './errors.mjs';
import { keepsFailuresToo, keepsSuccess } from './idempotency.mjs';
import { environmentOf, requireClaimType } from './relays.mjs';
import { checkHeaders, fromBase64url, header, readBody } from './strict.mjs';

const RELAYS = '/api/privacy/v1/relays';
const PURCHASE = '/api/v1/privacy-passes';
const GENERATE_CLAIM = new RegExp(`^${RELAYS}/([A-Za-z0-9_-]{1,128})/generate-claim$`);

/** Requests per minute that the RateLimit headers speak of. **[assumed]**; counted, never enforced. */
const RATE_LIMIT = 300;

/** @type {Record<string, import('./strict.mjs').HeaderPolicy>} */
const POLICIES = {
  create: { credentials: 'none', relaySecret: false, idempotencyKey: false, anonymous: false },
  challenge: { credentials: 'none', relaySecret: false, idempotencyKey: false, anonymous: false },
  'relay-challenge': { credentials: 'none', relaySecret: true, idempotencyKey: false, anonymous: false },
  purchase: { credentials: 'apiKey', relaySecret: false, idempotencyKey: true, anonymous: false },
  redeem: { credentials: 'privateToken', relaySecret: true, idempotencyKey: true, anonymous: true },
};

/** @typedef {Required<Pick<import('./http.mjs').Change, 'around'>> & import('./http.mjs').Change} Change */

/** The upstream API over a {@link import('./index.mjs').State}. */
export class Calls {
  #state;
  /** @type {Map<string, { startedAt: number, used: number }>} by API key */
  #windows = new Map();

  /** @param {import('./index.mjs').State} state */
  constructor(state) {
    this.#state = state;
  }

  /**
   * @param {import('./http.mjs').Request} request
   * @returns {import('./http.mjs').Route | null} null for a path that the API does not have
   */
  route(request) {
    const relayToken = GENERATE_CLAIM.exec(request.path)?.[1];
    if (relayToken) {
      // Without a PrivateToken this is the relay form of a challenge; with one it is a redemption.
      const redeems = (request.headers.get('authorization') ?? []).some((value) => /^privatetoken\b/i.test(value));
      return redeems
        ? this.#post(request, 'redeem', (change) => this.#redeem(request, relayToken, change), relayToken)
        : this.#post(request, 'relay-challenge', (change) => this.#relayChallenge(request, relayToken, change), relayToken);
    }
    if (request.path === RELAYS) return this.#post(request, 'create', () => this.#create(request));
    if (request.path === `${RELAYS}/challenge`) return this.#post(request, 'challenge', (change) => this.#challenge(request, change));
    if (request.path === PURCHASE) return this.#post(request, 'purchase', (change) => this.#purchase(request, change));
    return null;
  }

  /**
   * @param {import('./http.mjs').Request} request @param {string} call
   * @param {(change: Change) => import('./http.mjs').Answer | Promise<import('./http.mjs').Answer>} perform
   * @param {string | null} [relayToken]
   * @returns {import('./http.mjs').Route}
   */
  #post(request, call, perform, relayToken = null) {
    return {
      call,
      relayToken,
      methods: ['POST'],
      run: async (change) => {
        const { platformHeaders } = checkHeaders(request, POLICIES[call], {
          apiKeys: [...this.#state.apiKeys.keys()],
          refusePlatformHeaders: this.#state.options.refusePlatformHeaders,
        });
        this.#state.ledger.sawPlatformHeaders(platformHeaders);
        return perform({ around: async (execute) => execute(), ...change });
      },
    };
  }

  /** Section 1.1. @param {import('./http.mjs').Request} request */
  #create(request) {
    const body = readBody(request, { claimType: 'string', encryptionKeyPem: 'string|null', 'sandbox?': 'boolean' });
    // 200 rather than 201: **[assumed]**, the documentation shows bodies only.
    return { status: 200, body: this.#state.relays.create(/** @type {any} */ (body)) };
  }

  /** Section 1.2, by claim type. @param {import('./http.mjs').Request} request @param {Change} change */
  async #challenge(request, change) {
    const body = readBody(request, { claimType: 'string', 'sandbox?': 'boolean' });
    const key = await this.#state.issuer.current(requireClaimType(body.claimType), environmentOf(body.sandbox));
    return { status: 200, body: await this.#issue(key, change) };
  }

  /** Section 1.2, by relay. @param {import('./http.mjs').Request} request @param {string} relayToken @param {Change} change */
  async #relayChallenge(request, relayToken, change) {
    const relay = this.#state.relays.open(relayToken, header(request, 'persona-relay-secret'));
    // **[assumed]** The body is `{}` or nothing at all: the documentation shows none.
    if (request.body.length > 0) readBody(request, {});
    const key = await this.#state.issuer.current(relay.claimType, relay.environment);
    return challengeRefusal(await this.#issue(key, change)).toAnswer();
  }

  /** @param {import('./issuer.mjs').IssuerKey} key @param {Change} change */
  async #issue(key, { expiresAt, keyBeside, keyId, rotateKey }) {
    const { challenges, issuer } = this.#state;
    const offered = keyBeside === undefined ? key : await issuer.beside(key, keyBeside);
    const issued = challenges.issue(keyId === undefined ? offered : issuer.rename(offered, keyId), expiresAt);
    if (rotateKey) await issuer.rotate(key.claimType, key.environment);
    return issued;
  }

  /** Section 1.3. @param {import('./http.mjs').Request} request @param {Change} change */
  async #purchase(request, { around }) {
    const apiKey = /^Bearer ([^\s,]+)$/.exec(header(request, 'authorization') ?? '')?.[1] ?? '';
    const environment = this.#state.apiKeys.get(apiKey);
    if (!environment) throw new Refusal(401, 'api_key_invalid', 'Authorization must be Bearer and a valid API key.');
    const rateLimit = this.#rateLimit(apiKey);

    const idempotencyKey = /** @type {string} */ (header(request, 'idempotency-key'));
    const bill = () => {
      const { blindedToken, keyId } = readBody(request, { blindedToken: 'string', keyId: 'string' });
      const key = this.#state.issuer.find(keyId);
      if (!key || key.environment !== environment || key.retired) {
        throw new Refusal(422, 'key_id_unknown', 'key-id is not a current issuer key of the environment of this API key.');
      }
      const blinded = fromBase64url(blindedToken);
      if (blinded === null) throw new Refusal(422, 'blinded_token_encoding', 'blinded-token must be unpadded base64url.');
      if (!key.accepts(blinded)) {
        throw new Refusal(422, 'blinded_token_range', 'blinded-token must be exactly as long as the modulus, and below it.');
      }
      const blindSig = key.blindSign(blinded).toString('base64url');
      const at = this.#state.options.now();
      this.#state.ledger.bill({ apiKey, environment, claimType: key.claimType, idempotencyKey, keyId, blinded, at });
      return { status: 200, body: { blindSig } };
    };
    const parameters = ['purchase', apiKey, request.path, request.body.toString('base64')];
    const keeps = this.#state.options.keepPurchaseFailures ? keepsFailuresToo : keepsSuccess;
    const { answer, replayed } = await this.#state.idempotency.run(idempotencyKey, parameters, () => around(bill), keeps);
    if (replayed) this.#state.ledger.replay('purchases');
    return { ...answer, headers: { ...answer.headers, ...rateLimit } };
  }

  /** Section 1.4. @param {import('./http.mjs').Request} request @param {string} relayToken @param {Change} change */
  async #redeem(request, relayToken, { around }) {
    const { relays, passes, ledger, idempotency, options } = this.#state;
    const secret = header(request, 'persona-relay-secret');
    const relay = relays.open(relayToken, secret);
    const token = /^PrivateToken token=([A-Za-z0-9_-]+)$/.exec(header(request, 'authorization') ?? '')?.[1];
    if (!token) {
      throw new Refusal(400, 'private_token_malformed', 'Authorization must be: PrivateToken token=<unpadded base64url>.');
    }

    const idempotencyKey = /** @type {string} */ (header(request, 'idempotency-key'));
    // Synchronous from the first check to the spending: no other request can come in between.
    const spend = () => {
      readBody(request, {});
      // **[assumed]** The relay is looked at before the pass, so a relay that is not ready says nothing about the pass.
      if (relay.result === null) throw new Refusal(403, 'claim_not_ready', 'The verification of this relay is not completed.');
      const { nonce, key } = passes.verify(token);
      if (key.environment !== relay.environment) {
        throw new Refusal(422, 'pass_environment_mismatch', 'The pass is of another environment than the relay.');
      }
      if (key.claimType !== relay.claimType) {
        throw new Refusal(422, 'pass_claim_type_mismatch', 'The pass is of another claim type than the relay.');
      }
      if (passes.isSpent(nonce)) throw new Refusal(409, 'pass_spent', 'This pass was spent before.');
      // **[assumed]** A relay gives its claim once. A second pass is refused and stays spendable: taking it as
      // payment for nothing would be worse, and answering again would hide a lost claim from the tests.
      if (relay.redeemed) throw new Refusal(409, 'relay_redeemed', 'This relay was redeemed with another pass.');

      const text = claimText(relay.claimType, relay.result, relay.methodology);
      const body = { claimPayload: claimPayload(relay.encryptionKey, text), tokenConsumed: relay.result === 'passed' };
      if (body.tokenConsumed) {
        passes.spend(nonce, relay.token, options.now());
        relay.redeemed = true;
      } else {
        // A failed claim may be asked for again, and hands the pass back each time. **[assumed]**
        relay.refunds += 1;
      }
      ledger.redeem({ relayToken, idempotencyKey, token, consumed: body.tokenConsumed, at: options.now() });
      return { status: 200, body };
    };
    const parameters = ['redeem', request.path, request.body.toString('base64'), token, secret];
    const keeps = options.keepRedemptionFailures ? keepsFailuresToo : keepsSuccess;
    const { answer, replayed } = await idempotency.run(idempotencyKey, parameters, () => around(spend), keeps);
    if (replayed) ledger.replay('redemptions');
    return answer;
  }

  /** @param {string} apiKey @returns {Record<string, string>} */
  #rateLimit(apiKey) {
    const now = this.#state.options.now();
    let window = this.#windows.get(apiKey);
    if (!window || now - window.startedAt >= 60_000) this.#windows.set(apiKey, (window = { startedAt: now, used: 0 }));
    window.used += 1;
    return {
      'RateLimit-Limit': String(RATE_LIMIT),
      'RateLimit-Remaining': String(Math.max(0, RATE_LIMIT - window.used)),
      'RateLimit-Reset': String(Math.ceil((window.startedAt + 60_000 - now) / 1000)),
    };
  }
}

/** For `Request-Id`. */
export function newRequestId() {
  return `req_${crypto.randomBytes(12).toString('hex')}`;
}
