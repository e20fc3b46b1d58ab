// One relay from its creation to a decrypted claim, in front of the user.

import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { Problem } from './program.mjs';

const CLAIM_TYPE = 'age_over18_united_kingdom';

// Shown as their beginning, whatever their length.
const SECRET_FIELDS = new Set(['relay-secret', 'relay-session-access-token', 'privacy-pass-token']);

/**
 * Carries a relay through all five steps against a gateway in managed mode and the simulator behind it, printing each
 * request and answer on stdout.
 *
 * @param {{ gateway: string, simulator: string, token: string }} where the two base URLs and the gateway token
 * @returns {Promise<object>} the claim
 * @throws {Problem} when a step is not answered as it should be
 */
export async function walkThrough({ gateway, simulator, token }) {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const caller = { authorization: `Bearer ${token}` };

  title(1, 'Create a relay, with a key that only we can open the claim with');
  const wanted = { 'claim-type': CLAIM_TYPE, 'encryption-key-pem': publicKey, sandbox: true };
  const relay = await post(`${gateway}/relays`, wanted, caller);
  const relayToken = field(relay, 'relay-token');

  title(2, 'Buy a privacy pass, blinded: the API key pays, the pass cannot be traced to it');
  await post(`${gateway}/relays/privacy-passes`, { 'relay-token': relayToken }, caller);

  title(3, 'The person completes the verification (here the simulator is told so)');
  await post(`${simulator}/_simulator/relays/${relayToken}/complete`, { result: 'passed' });

  title(4, 'Redeem the pass, without the API key, for the claim');
  const redeemed = await post(`${gateway}/relays/${relayToken}/redeem`, {}, caller);
  const payload = field(redeemed, 'claim-payload');

  title(5, 'Decrypt the claim (crypto.privateDecrypt, OAEP)');
  const claim = decrypt(payload, privateKey);
  print(`   ${JSON.stringify(claim)}\n\n   ${claim.claim_type}: ${claim.claim_result}\n`);
  return claim;
}

function decrypt(payload, privateKey) {
  try {
    const key = { key: privateKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' };
    return JSON.parse(privateDecrypt(key, Buffer.from(payload, 'base64')).toString('utf8'));
  } catch (error) {
    throw new Problem(`The claim could not be decrypted (${error.message}): step 5 failed.`, { cause: error });
  }
}

async function post(url, body, headers = {}) {
  print(`   POST ${url}\n   ${shown(body)}`);
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  const answer = parsed(text);
  print(`   ${response.status} ${answer === undefined ? JSON.stringify(text) : shown(answer)}`);
  if (!response.ok) {
    const { pathname } = new URL(url);
    throw new Problem(`${pathname} answered ${response.status} instead of 200: the walk-through ends here.`);
  }
  return answer;
}

function field(answer, name) {
  const value = answer?.[name];
  if (typeof value === 'string') return value;
  throw new Problem(`The answer has no \`${name}\`: the walk-through ends here.`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A body on one line, with secrets and long values cut. */
function shown(body) {
  return JSON.stringify(body, (name, value) => {
    if (typeof value !== 'string') return value;
    const length = SECRET_FIELDS.has(name) ? 6 : 48;
    return value.length > length ? `${value.slice(0, length)}…` : value;
  });
}

function title(number, text) {
  print(`\n${number}. ${text}`);
}

function print(text) {
  process.stdout.write(`${text}\n`);
}
