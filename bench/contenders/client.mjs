/**
 * The calls around a suite of blind RSA (docs/protocol.md), as one writes them for a server: no retries, nothing checked
 * that the answer does not need. For those of suites.mjs, which bring no client of their own.
 */
import { base64url, concat, fromBase64url, hex } from './bytes.mjs';

const RELAYS = '/api/privacy/v1/relays';

/** A call that was refused, with the status to answer it with. */
export class Refused extends Error {
  /** @param {number} status @param {string} text what the upstream said */
  constructor(status, text) {
    super(`refused with ${status}`);
    this.status = status;
    this.text = text;
  }
}

/**
 * @param {{ suite: any, baseUrl: string, fetch?: typeof globalThis.fetch }} options
 */
export function plainClient({ suite, baseUrl, fetch = (url, init) => globalThis.fetch(url, init) }) {
  const keys = new Map();

  async function post(path, body, headers = {}) {
    const response = await fetch(baseUrl + path, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/json', accept: 'application/json', 'key-inflection': 'kebab', ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Refused(response.status, text);
    return JSON.parse(text);
  }

  async function keyOf(tokenKey) {
    let key = keys.get(tokenKey);
    if (key === undefined) keys.set(tokenKey, (key = await suite.importKey(fromBase64url(tokenKey))));
    return key;
  }

  return {
    async create({ claimType, encryptionKeyPem, sandbox }) {
      return post(RELAYS, { 'claim-type': claimType, 'encryption-key-pem': encryptionKeyPem, ...(sandbox && { sandbox }) });
    },
    async issuePrivacyPass({ claimType, sandbox, apiKey }) {
      const offer = await post(`${RELAYS}/challenge`, { 'claim-type': claimType, ...(sandbox && { sandbox }) });
      const raw = new TextDecoder().decode(fromBase64url(offer.challenge));
      const nonce = hex(crypto.getRandomValues(new Uint8Array(32)));
      const message = await tokenInput(nonce, JSON.parse(raw).mac, offer['token-key-id']);
      const key = await keyOf(offer['token-key']);
      const { blinded, inverse } = await suite.blind(key, message);
      const bought = await post(
        '/api/v1/privacy-passes',
        { 'blinded-token': base64url(blinded), 'key-id': offer['token-key-id'] },
        { authorization: `Bearer ${apiKey}`, 'idempotency-key': crypto.randomUUID() },
      );
      const signature = base64url(await suite.finalize(key, message, fromBase64url(bought['blind-sig']), inverse));
      const pass = `{"token_nonce":"${nonce}","signature":"${signature}","key_id":${JSON.stringify(offer['token-key-id'])},"challenge":${raw}}`;
      return { privacyPassToken: base64url(new TextEncoder().encode(pass)) };
    },
    async generateClaim({ relayToken, relaySecret, privacyPassToken }) {
      const claim = await post(`${RELAYS}/${relayToken}/generate-claim`, {}, {
        authorization: `PrivateToken token=${privacyPassToken}`,
        'persona-relay-secret': relaySecret,
        'idempotency-key': crypto.randomUUID(),
      });
      return { claimPayload: claim['claim-payload'], tokenConsumed: claim['token-consumed'] };
    },
  };
}

/** `0x0002 || SHA-256(nonce) || SHA-256(mac) || SHA-256(key id)` */
export async function tokenInput(...texts) {
  const hashes = await Promise.all(texts.map((text) => crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))));
  return concat(Uint8Array.of(0, 2), ...hashes.map((hash) => new Uint8Array(hash)));
}
