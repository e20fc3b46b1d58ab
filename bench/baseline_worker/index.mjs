/**
 * The pass-through gateway as one would write it in plain JavaScript with @cloudflare/blindrsa-ts: the same three routes, bodies
 * and answers (docs/protocol.md section 6). What the gateway is measured against; not for use. It checks less than the gateway does,
 * repeats nothing, and logs nothing.
 */
import * as library from '@cloudflare/blindrsa-ts';
import { Refused, plainClient } from '../contenders/client.mjs';
import { blindrsaTs } from '../contenders/suites.mjs';

/** The client keeps imported issuer keys between requests. */
let client;

export default {
  async fetch(request, env) {
    client ??= plainClient({ suite: blindrsaTs(library), baseUrl: env.PERSONA_BASE_URL });
    const path = new URL(request.url).pathname;
    try {
      if (path === '/healthz') return answer(200, { status: 'ok' });
      if (request.method !== 'POST') return failure(405, 'method_not_allowed');
      const body = await request.json().catch(() => undefined);
      if (typeof body !== 'object' || body === null) return failure(400, 'body_not_json');
      if (path === '/relays') return await create(body);
      if (path === '/relays/privacy-passes') return await issue(request, body);
      const redeemed = /^\/relays\/([A-Za-z0-9_-]{1,128})\/redeem$/.exec(path);
      return redeemed ? await redeem(request, redeemed[1], body) : failure(404, 'not_found');
    } catch (error) {
      return error instanceof Refused ? failure(error.status, 'upstream_rejected') : failure(502, 'transport_failed');
    }
  },
};

async function create(body) {
  if (typeof body['claim-type'] !== 'string') return failure(400, 'parameter_invalid');
  const params = { claimType: body['claim-type'], encryptionKeyPem: body['encryption-key-pem'] ?? null, sandbox: body.sandbox === true };
  return answer(200, await client.create(params));
}

async function issue(request, body) {
  const apiKey = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '')?.[1];
  if (apiKey === undefined) return failure(401, 'api_key_missing');
  if (typeof body['claim-type'] !== 'string') return failure(400, 'parameter_invalid');
  const { privacyPassToken } = await client.issuePrivacyPass({ claimType: body['claim-type'], sandbox: body.sandbox === true, apiKey });
  return answer(200, { 'privacy-pass-token': privacyPassToken });
}

async function redeem(request, relayToken, body) {
  const relaySecret = request.headers.get('persona-relay-secret');
  const privacyPassToken = body['privacy-pass-token'];
  if (relaySecret === null || typeof privacyPassToken !== 'string') return failure(400, 'parameter_invalid');
  const { claimPayload, tokenConsumed } = await client.generateClaim({ relayToken, relaySecret, privacyPassToken });
  return answer(200, { 'claim-payload': claimPayload, 'token-consumed': tokenConsumed });
}

function answer(status, body) {
  return Response.json(body, { status, headers: { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' } });
}

function failure(status, code) {
  return answer(status, { errors: [{ title: 'The request failed.', code }] });
}
