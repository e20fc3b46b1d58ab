/** Calls to Persona, and what its refusals mean for a caller of the gateway (docs/protocol.md, "Errors"). */
import { Persona, PersonaError, type PersonaOptions } from "../pkg/workerd.js";
import { withoutEchoes } from "./echo.js";
import type { Config } from "./env.js";
import { GatewayError, STORE_RETRY_S, relayNotFound } from "./errors.js";
import { plain } from "./ledger_outcomes.js";
import { MISMATCH, issuerKeyOptions } from "./issuer_key_guard.js";
import type { Failure } from "./ledger_protocol.js";

/** Which of the calls failed; the same status means different things. */
export type UpstreamCall = "creation" | "purchase" | "redemption";

/** What was being done. `relay`: it is about one relay, not about a claim type only. */
export interface About {
  readonly call: UpstreamCall;
  readonly relay: boolean;
  /** Those of the request, which no error may repeat. */
  readonly secrets?: readonly (string | undefined)[];
}

/** A client for creations and redemptions. They are anonymous: it is not given the API key. */
export function anonymousPersona(config: Config): Persona {
  const client = anonymous.get(config) ?? new Persona(common(config));
  anonymous.set(config, client);
  return client;
}

/** A client for purchases. */
export function payingPersona(config: Config, apiKey: string): Persona {
  const ours = config.mode === "managed" && config.apiKey === apiKey;
  const known = ours ? paying.get(config) : undefined;
  if (known !== undefined) return known;
  const version: PersonaOptions = config.personaVersion === undefined ? {} : { personaVersion: config.personaVersion };
  const client = new Persona({ ...common(config), apiKey, ...version, ...issuerKeyOptions(config) });
  if (ours) paying.set(config, client); // a caller's key goes with its request
  return client;
}

/** Clients hold their options and nothing of a call, so one serves for a configuration. */
const anonymous = new WeakMap<Config, Persona>();
const paying = new WeakMap<Config, Persona>();

/** A client for looks at issuer keys, while a purchase waits. */
export function lookingPersona(config: Config): Persona {
  const { permissive } = config.issuerKeys;
  return new Persona({ ...common(config), timeoutMs: 4000, deadlineMs: 8000, maxRetries: 1, permissiveIssuerKeys: permissive });
}

/**
 * Runs one call.
 *
 * @throws GatewayError for every failure that the SDK explains
 */
export async function callUpstream<T>(config: Config, about: About, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof PersonaError) throw explain(plain(error), config, about);
    throw error;
  }
}

/**
 * Time for one call with its retries. After a disconnect the runtime lets work go on for 30 s
 * (developers.cloudflare.com/workers/runtime-apis/context/#waituntil); this leaves some of it for the store.
 */
const DEADLINE_MS = 25_000;

/** When a 403 on redemption does not say: the verification has just completed, so it is a matter of seconds. */
const NOT_READY_RETRY_S = 5;

/** For a 429 that does not say. */
const RATE_LIMIT_RETRY_S = 1;

/** The SDK's parameters that callers of the gateway know under a name that is not their kebab-case. */
const SPELLING: Readonly<Record<string, string>> = { relaySecret: "persona-relay-secret" };

function common(config: Config): PersonaOptions {
  const { baseUrl, egress } = config;
  return { baseUrl, deadlineMs: DEADLINE_MS, ...(egress.fetch !== undefined && { fetch: egress.fetch }) };
}

/** What a failure of the SDK, here or in a ledger object, means for a caller. */
export function explain(failure: Failure, config: Config, { call, relay, secrets = [] }: About): GatewayError {
  const error = withoutEchoes(failure, config, secrets);
  const { statusCode, title, details, code, meta, requestId, retryAfter: retryAfterS, origin } = error;
  const said = { details, meta, requestId, retryAfterS };
  if (origin === "internal" && code === "store_failed") return new GatewayError(503, code, title, { details, retryAfterS: STORE_RETRY_S });
  if (origin === "internal") return new GatewayError(500, "internal", "The gateway failed. The next request is not affected.");
  if (origin === "caller") return callersFault(error);
  if (code === "blind_signature_invalid") {
    const mend = "a pass was billed and its signature does not verify; ask Persona, with the upstream request id, before buying it again";
    return new GatewayError(502, code, title, { ...said, mend });
  }
  if (code === "issuer_key_mismatch" && statusCode === 502) {
    return new GatewayError(502, code, title, { ...said, details: "token-key-id is not that of the issuer key; nothing was bought", mend: MISMATCH });
  }
  // An upstream may give codes of its own, so the status has to be ours too.
  if (code === "purchase_unknown" && statusCode === 502) {
    const mend = "a pass may have been billed, and nobody knows; ask Persona, then allow to buy it again (docs/exactly-once.md)";
    return new GatewayError(502, code, title, { ...said, mend });
  }
  if (code === "claim_lost" && statusCode === 410) {
    const mend = "a pass was spent, and Persona gives its claim to no key of ours; the person has to go through a new relay (docs/exactly-once.md)";
    return new GatewayError(410, code, title, { ...said, mend });
  }
  if (origin === "transport") return new GatewayError(code === "timeout" ? 504 : 502, code, title, said);

  if (statusCode >= 300 && statusCode < 400) {
    return new GatewayError(502, "upstream_redirected", "Persona answered with a redirect, which is never followed.", {
      requestId,
      mend: `PERSONA_BASE_URL: the upstream answered ${statusCode} to a ${call}; set the URL that it really has`,
    });
  }
  if (statusCode === 401 || (statusCode === 403 && call === "purchase")) {
    if (config.mode === "managed") return refusedUs(error, call);
    // What was refused is the caller's own: the API key, or the pass.
    const scheme = call === "redemption" ? "PrivateToken" : "Bearer";
    return new GatewayError(statusCode, code, title, statusCode === 401 ? { ...said, headers: { "www-authenticate": scheme } } : said);
  }
  if (statusCode === 403 && call === "redemption") {
    return new GatewayError(409, "claim_not_ready", title, { ...said, retryAfterS: retryAfterS ?? NOT_READY_RETRY_S });
  }
  if (statusCode === 429 || statusCode === 425) {
    return new GatewayError(429, code, title, { ...said, retryAfterS: retryAfterS ?? RATE_LIMIT_RETRY_S });
  }
  if (statusCode === 404 && relay && config.mode === "managed") return relayNotFound(requestId);
  // 408 would tell the caller that it was slow itself.
  const status = statusCode >= 400 && statusCode < 500 && statusCode !== 408 ? statusCode : 502;
  return new GatewayError(status, code, title, said);
}

/** In managed mode the credential that was refused is not the caller's. */
function refusedUs({ statusCode, requestId }: Failure, call: UpstreamCall): GatewayError {
  const mend = call === "purchase"
    ? `PERSONA_API_KEY was refused with ${statusCode}; check the key, and that it is of the environment (sandbox or production) it is used in`
    : `PERSONA_BASE_URL: an anonymous ${call} was refused with ${statusCode}; check that this is Persona's API, with nothing in between that wants a login`;
  return new GatewayError(502, "upstream_unauthorized", "Persona refused the gateway's request.", { requestId, mend });
}

/** The SDK checked a parameter. Its text starts with the parameter's name, which callers of the gateway spell differently. */
function callersFault({ statusCode, title, details, code, field }: Failure): GatewayError {
  if (field === undefined) return new GatewayError(statusCode, code, title, { details });
  const name = SPELLING[field] ?? field.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  const rest = details?.startsWith(field) ? details.slice(field.length) : ` ${details ?? "is malformed"}`;
  return new GatewayError(statusCode, code, title, { details: name + rest });
}
