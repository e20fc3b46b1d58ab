// What a gateway on this machine takes from the environment, as a deployed one takes it from its variables and secrets.

import { Problem } from './program.mjs';

export const FROM_ENVIRONMENT = [
  'PERSONA_API_KEY', 'GATEWAY_TOKENS', 'STORE_KEYS', 'IDEMPOTENCY_KEYS', 'WITHHOLD_RELAY_SECRET', 'PERSONA_VERSION', 'PERSONA_BASE_URL',
  'PURCHASES_PER_DAY', 'REQUESTS_PER_MINUTE', 'STOP_WITHIN_S', 'ACCESS_TEAM_DOMAIN', 'ACCESS_AUD', 'REDEEM_DELAY_S',
  'ISSUER_KEY_PINS', 'ISSUER_KEY_MIN_DAYS', 'PERMISSIVE_ISSUER_KEYS', 'PASS_POOL',
];

/**
 * @param {Record<string, string | undefined>} environment what is empty counts as not set
 * @param {string} [upstream] goes before `PERSONA_BASE_URL`
 * @returns {Record<string, string>}
 */
export function bindingsFrom(environment, upstream) {
  const found = FROM_ENVIRONMENT.filter((name) => environment[name]).map((name) => [name, environment[name]]);
  return { ...Object.fromEntries(found), ...(upstream !== undefined && { PERSONA_BASE_URL: upstream }) };
}

/** @throws {Problem} unless it is the URL of an upstream */
export function checkUpstream(upstream) {
  if (!URL.canParse(upstream) || !/^https?:$/.test(new URL(upstream).protocol)) {
    throw new Problem(`--upstream takes an http or https URL, not \`${upstream}\`.`, { exitCode: 2 });
  }
}
