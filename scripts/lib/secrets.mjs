// The secrets of a gateway that are random.

import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Fresh values: 32 random bytes each.
 *
 * @param {string} id names the caller that the gateway token belongs to
 * @param {string} [keyId] names the key, so that a later one can take over
 * @returns {{ GATEWAY_TOKENS: string, STORE_KEYS: string }} `id:token` with 43 characters of base64url, and `id:base64`
 */
export function freshSecrets(id, keyId = 'k1') {
  return {
    GATEWAY_TOKENS: `${id}:${randomBytes(32).toString('base64url')}`,
    STORE_KEYS: `${keyId}:${randomBytes(32).toString('base64')}`,
  };
}

/**
 * The secrets of the local gateway, made once and kept: what it stored in one run it can open in the next.
 * The gateway token is in a file of its own as well, for `curl`.
 *
 * @param {string} folder where they are kept, readable by the user alone
 * @returns {{ GATEWAY_TOKENS: string, STORE_KEYS: string, token: string, tokenFile: string }}
 */
export function localSecrets(folder) {
  const file = path.join(folder, 'dev-secrets.json');
  const tokenFile = path.join(folder, 'gateway-token');
  mkdirSync(folder, { recursive: true });
  if (!existsSync(file)) writePrivate(file, `${JSON.stringify(freshSecrets('dev'), null, 2)}\n`);
  const secrets = JSON.parse(readFileSync(file, 'utf8'));
  const token = secrets.GATEWAY_TOKENS.slice(secrets.GATEWAY_TOKENS.indexOf(':') + 1);
  writePrivate(tokenFile, `${token}\n`);
  return { ...secrets, token, tokenFile };
}

function writePrivate(file, text) {
  writeFileSync(file, text, { mode: 0o600 });
  // The mode above counts only for a file that is made now.
  chmodSync(file, 0o600);
}
