// Keys, challenges and messages for the contenders, made and judged by OpenSSL (node:crypto).

import crypto from 'node:crypto';
import { Challenges } from '../../simulator/challenges.mjs';
import { IssuerKey } from '../../simulator/issuer.mjs';
import { tokenInput } from '../contenders/client.mjs';
import { base64url } from '../contenders/bytes.mjs';

const PSS = { padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 };

/**
 * @param {number} bits of the modulus
 * @returns {Promise<{ fixture: object, sign: (blinded: string) => string, judge: (shown: { pass?: string, signature?: string }) => Promise<void> }>}
 *   `fixture` is JSON for the runtimes; `sign` does BlindSign; `judge` throws unless OpenSSL verifies
 */
export async function makeIssuer(bits) {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: bits });
  const key = new IssuerKey({ claimType: 'age_over18_germany', environment: 'production', privateKey, spki: 'rsaEncryption', keyIdFormat: 'base64url' });
  const offer = new Challenges({ now: Date.now, ttlSeconds: 90 * 24 * 60 * 60 }).issue(key);
  const message = await tokenInput('a nonce', 'a mac', key.keyId);
  return {
    fixture: {
      bits,
      offer,
      spki: base64url(key.tokenKey),
      // The yardstick's, and nobody else's.
      pkcs8: base64url(privateKey.export({ format: 'der', type: 'pkcs8' })),
      message: base64url(message),
      signature: base64url(crypto.sign('sha384', message, { key: privateKey, ...PSS })),
    },
    sign: (blinded) => key.blindSign(Buffer.from(blinded, 'base64url')).toString('base64url'),
    async judge({ pass, signature }) {
      const [signed, text] = pass === undefined ? [message, signature] : await readPass(pass);
      if (!key.verify(signed, Buffer.from(text, 'base64url'))) throw new Error(`OpenSSL refuses the signature of ${bits} bits`);
    },
  };
}

async function readPass(pass) {
  const { token_nonce: nonce, signature, key_id: keyId, challenge } = JSON.parse(Buffer.from(pass, 'base64url').toString());
  return [await tokenInput(nonce, challenge.mac, keyId), signature];
}
