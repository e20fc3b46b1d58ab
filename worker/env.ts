/** The bindings of the deployment, checked once. Their meaning and how to make them: docs/deploying.md. */
import type { AccessSettings } from "./access.js";
import { type Egress, type EgressService, LONGEST_DELAY_S, egressOf, parseRedeemDelay } from "./egress.js";
import { DEFAULT_MIN_DAYS, type IssuerKeySettings, parseMinDays, parsePins } from "./issuer_key_settings.js";
import { type PoolSizes, parsePassPool } from "./pool_settings.js";
import type { PurchasesPerDay } from "./purchase_limit.js";
import type { RequestLimiter } from "./request_limit.js";
import {
  Mend, parseAccessAudience, parseAccessTeam, parseApiKey, parseBaseUrl, parseBoolean, parseGatewayTokens, parseKeys, parsePurchasesPerDay,
  parseVersion,
} from "./settings.js";

/** What the runtime hands over. Nothing in it is trusted before {@link readConfig}. */
export interface Env {
  /** Where Persona's API is. Default: {@link PRODUCTION_URL}. */
  readonly PERSONA_BASE_URL?: string;
  /** The key that pays for passes. Secret. */
  readonly PERSONA_API_KEY?: string;
  /** `id:token,id:token`: who may call. Secret. */
  readonly GATEWAY_TOKENS?: string;
  /** `id:base64,id:base64`, 32 bytes each: the first seals, all open. Secret. */
  readonly STORE_KEYS?: string;
  /** `true` keeps `relay-secret` out of the answer of `POST /relays`. Default: `false`. */
  readonly WITHHOLD_RELAY_SECRET?: string;
  /** `Persona-Version` for purchases, `YYYY-MM-DD`. Default: what the account is set to. */
  readonly PERSONA_VERSION?: string;
  /** `id:base64,id:base64`, 32 bytes each: what idempotency keys follow from; the first is used. Default: `STORE_KEYS`. Secret. */
  readonly IDEMPOTENCY_KEYS?: string;
  /** Sealed relay records. */
  readonly RELAYS?: RelayEntries;
  /** The purchases and redemptions, one object per relay: `RelayLedger`. */
  readonly LEDGER?: NamedObjects;
  /** `100`, or `shop:100,bank:50,*:20`: how many passes a caller may buy in a UTC day. Default: no limit. */
  readonly PURCHASES_PER_DAY?: string;
  /** What counts them, one object per caller: `CallerLimits`. */
  readonly LIMITS?: NamedObjects;
  /** The domain of a Cloudflare Access team, such as `acme.cloudflareaccess.com`, whose people and service tokens may call. */
  readonly ACCESS_TEAM_DOMAIN?: string;
  /** The AUD tag of the Access application that the gateway is. */
  readonly ACCESS_AUD?: string;
  /** How many requests a caller may make in a minute. Default: no limit. */
  readonly REQUESTS?: RequestLimiter;
  /** Performs the anonymous calls: the Worker of egress/. Default: the gateway does. */
  readonly EGRESS?: EgressService;
  /** `min-max` in seconds: redeem at a random time so long after a caller asked. Default: at once. */
  readonly REDEEM_DELAY_S?: string;
  /** The books of issuer keys, one object: `IssuerKeys`. */
  readonly ISSUER_KEYS?: NamedObjects;
  /** `hash` or `claim_type:hash`, separated by commas: issuer keys that are accepted. */
  readonly ISSUER_KEY_PINS?: string;
  /** Days that an issuer key lasts at least. Default: {@link DEFAULT_MIN_DAYS}. */
  readonly ISSUER_KEY_MIN_DAYS?: string;
  /** `true` buys under suspicious issuer keys too, and logs them. Default: `false`. */
  readonly PERMISSIVE_ISSUER_KEYS?: string;
  /** `{"age_over18_germany": 20}`: how many passes of a claim type are bought ahead. Default: none. */
  readonly PASS_POOL?: string;
  /** Keeps them, one object: `PassPool`. */
  readonly POOL?: NamedObjects;
}

/** What is used of a KV namespace. */
export interface RelayEntries {
  get(name: string): Promise<string | null>;
  /** `expirationTtl` in seconds. */
  put(name: string, value: string, options: { expirationTtl: number }): Promise<void>;
  delete(name: string): Promise<void>;
}

/** What is used of a Durable Object namespace: it finds the one object of a name. */
export interface NamedObjects {
  idFromName(name: string): any;
  /** A `Ledger` or a `PurchaseCounter`, perhaps of another release. */
  get(id: any): unknown;
}

/** One of the tokens that a caller may present. */
export interface GatewayToken {
  /** Names the caller; two tokens with one id are the same caller, while its token is rotated. */
  readonly id: string;
  readonly token: string;
}

/** Input keying material: 32 random bytes. */
export interface StoreKey {
  readonly id: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Nothing is stored; callers bring their own API key, as with the vendor's gateway. */
export interface PassThroughConfig {
  readonly mode: "pass-through";
  readonly baseUrl: string;
  readonly personaVersion: string | undefined;
  /** `undefined`: no limit. */
  readonly requests: RequestLimiter | undefined;
  readonly egress: Egress;
  readonly issuerKeys: IssuerKeySettings;
}

/** The API key, the relay secrets, the passes and the claims stay at the edge; callers bring a gateway token. */
export interface ManagedConfig {
  readonly mode: "managed";
  readonly baseUrl: string;
  readonly personaVersion: string | undefined;
  /** `undefined`: no limit. */
  readonly requests: RequestLimiter | undefined;
  readonly egress: Egress;
  readonly apiKey: string;
  readonly gatewayTokens: readonly GatewayToken[];
  readonly storeKeys: readonly [StoreKey, ...StoreKey[]];
  /** What the idempotency keys of new purchases follow from. One in flight keeps the key it was sent with. */
  readonly idempotencyKey: StoreKey;
  readonly withholdRelaySecret: boolean;
  readonly relays: RelayEntries;
  readonly ledger: NamedObjects;
  /** `undefined`: no limit. */
  readonly purchasesPerDay: PurchasesPerDay | undefined;
  /** There when there is a limit. */
  readonly limits: NamedObjects | undefined;
  /** `undefined`: who comes through Cloudflare Access is nobody for that. */
  readonly access: AccessSettings | undefined;
  readonly issuerKeys: IssuerKeySettings;
  readonly issuerKeyBooks: NamedObjects;
  /** `undefined`: nothing is bought ahead. */
  readonly passPool: PoolSizes | undefined;
  /** There when something is. */
  readonly pool: NamedObjects | undefined;
}

/** The bindings that are texts. */
type TextName = Exclude<keyof Env, "RELAYS" | "LEDGER" | "LIMITS" | "REQUESTS" | "EGRESS" | "ISSUER_KEYS" | "POOL">;

export type Config = PassThroughConfig | ManagedConfig;

/** Where a request does not say: whether it is for the sandbox, as the API key that will pay is. */
export function isSandboxKey(apiKey: string): boolean {
  return apiKey.startsWith("persona_sandbox_");
}

/** The deployment can't serve. Each problem names a binding and its mend, never its value. For the log, not for a body. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    super("the gateway is not configured");
  }
}

export const PRODUCTION_URL = "https://api.withpersona.com";

/** Parses and checks the bindings; the result is kept for as long as the runtime keeps the `env` object. */
export function readConfig(env: Env): Config | ConfigError {
  let config = known.get(env);
  if (config === undefined) {
    config = parseEnv(env);
    known.set(env, config);
  }
  return config;
}

/** Plain values only: nothing that belongs to one request may live here. */
const known = new WeakMap<Env, Config | ConfigError>();

/** Managed mode is all of these, pass-through mode none. */
const MANAGED = ["PERSONA_API_KEY", "GATEWAY_TOKENS", "STORE_KEYS"] as const;

function parseEnv(env: Env): Config | ConfigError {
  const problems: string[] = [];
  /** The value of one binding, or undefined, with the problem noted. */
  function read<T>(name: TextName, parse: (value: string) => T): T | undefined {
    const value: unknown = env[name];
    if (value === undefined) return undefined;
    try {
      if (typeof value !== "string") throw new Mend("must be a string");
      if (value === "") throw new Mend("is empty: give it a value, or remove it");
      return parse(value);
    } catch (error) {
      if (!(error instanceof Mend)) throw error;
      problems.push(`${name} ${error.message}`);
      return undefined;
    }
  }

  const missing = MANAGED.filter((name) => env[name] === undefined);
  const managed = missing.length === 0;
  if (!managed && missing.length < MANAGED.length) {
    for (const name of missing) {
      problems.push(`${name} is missing: set it (\`npm run secrets\`), or remove ${others(name, missing)} for pass-through mode`);
    }
  }
  const baseUrl = read("PERSONA_BASE_URL", parseBaseUrl) ?? PRODUCTION_URL;
  const personaVersion = read("PERSONA_VERSION", parseVersion);
  const withholdRelaySecret = read("WITHHOLD_RELAY_SECRET", parseBoolean) ?? false;
  const apiKey = read("PERSONA_API_KEY", parseApiKey);
  const gatewayTokens = read("GATEWAY_TOKENS", parseGatewayTokens);
  const storeKeys = read("STORE_KEYS", parseKeys);
  const idempotencyKeys = read("IDEMPOTENCY_KEYS", parseKeys);
  const issuer = read("ACCESS_TEAM_DOMAIN", parseAccessTeam);
  const audience = read("ACCESS_AUD", parseAccessAudience);
  const purchasesPerDay = read("PURCHASES_PER_DAY", parsePurchasesPerDay);
  const redeemDelay = read("REDEEM_DELAY_S", (value) => {
    const delay = parseRedeemDelay(value);
    if (delay === undefined) throw new Mend(`must be min-max in whole seconds, such as 30-300, the max 1 to ${LONGEST_DELAY_S}`);
    return delay;
  });
  const passPool = read("PASS_POOL", parsePassPool);
  const issuerKeys: IssuerKeySettings = {
    permissive: read("PERMISSIVE_ISSUER_KEYS", parseBoolean) ?? false,
    minDays: read("ISSUER_KEY_MIN_DAYS", parseMinDays) ?? DEFAULT_MIN_DAYS,
    pins: read("ISSUER_KEY_PINS", parsePins) ?? [],
  };

  if (managed && env.RELAYS === undefined) {
    problems.push("RELAYS is missing: bind a KV namespace of that name in wrangler.toml");
  }
  if (managed && env.LEDGER === undefined) {
    problems.push("LEDGER is missing: bind the Durable Object class RelayLedger under that name in wrangler.toml");
  }
  if (managed && purchasesPerDay !== undefined && env.LIMITS === undefined) {
    problems.push("LIMITS is missing: bind the Durable Object class CallerLimits under that name in wrangler.toml, or remove PURCHASES_PER_DAY");
  }
  if (purchasesPerDay !== undefined && missing.length === MANAGED.length) {
    problems.push(`PURCHASES_PER_DAY needs managed mode, which knows its callers: set ${MANAGED.join(", ")}, or remove it`);
  }
  if ((env.ACCESS_TEAM_DOMAIN === undefined) !== (env.ACCESS_AUD === undefined)) {
    const [there, gone] = env.ACCESS_AUD === undefined ? ["ACCESS_TEAM_DOMAIN", "ACCESS_AUD"] : ["ACCESS_AUD", "ACCESS_TEAM_DOMAIN"];
    problems.push(`${gone} is missing: set it, or remove ${there}`);
  }
  if (env.ACCESS_AUD !== undefined && missing.length === MANAGED.length) {
    problems.push(`ACCESS_AUD needs managed mode, which knows its callers: set ${MANAGED.join(", ")}, or remove it and ACCESS_TEAM_DOMAIN`);
  }
  if (env.REQUESTS !== undefined && typeof env.REQUESTS.limit !== "function") {
    problems.push("REQUESTS must be a rate limit: bind it under [[ratelimits]] in wrangler.toml, or remove it");
  }
  if (managed && env.ISSUER_KEYS === undefined) {
    problems.push("ISSUER_KEYS is missing: bind the Durable Object class IssuerKeys under that name in wrangler.toml");
  }
  if (missing.length === MANAGED.length) {
    for (const name of ["ISSUER_KEY_PINS", "ISSUER_KEY_MIN_DAYS"] as const) {
      if (env[name] !== undefined) problems.push(`${name} needs managed mode: set ${MANAGED.join(", ")}, or remove it`);
    }
  }
  if (managed && passPool !== undefined && env.POOL === undefined) {
    problems.push("POOL is missing: bind the Durable Object class PassPool under that name in wrangler.toml, or remove PASS_POOL");
  }
  if (passPool !== undefined && missing.length === MANAGED.length) {
    problems.push(`PASS_POOL needs managed mode, which has an API key of its own: set ${MANAGED.join(", ")}, or remove it`);
  }
  if (withholdRelaySecret && missing.length === MANAGED.length) {
    problems.push(`WITHHOLD_RELAY_SECRET needs managed mode, or the secret is lost: set ${MANAGED.join(", ")}, or remove it`);
  }
  if (redeemDelay !== undefined && missing.length === MANAGED.length) {
    problems.push(`REDEEM_DELAY_S needs managed mode, which redeems when nobody asks: set ${MANAGED.join(", ")}, or remove it`);
  }
  if (env.EGRESS !== undefined && typeof env.EGRESS.fetch !== "function") {
    problems.push("EGRESS is no service: bind the Worker of egress/ under that name in wrangler.toml, or remove it");
  }
  if (problems.length > 0) return new ConfigError(problems);
  const egress = egressOf(env.EGRESS, redeemDelay);
  const { RELAYS: relays, LEDGER: ledger, LIMITS: limits, ISSUER_KEYS: issuerKeyBooks, POOL: pool, REQUESTS: requests } = env;
  if (apiKey === undefined || gatewayTokens === undefined || storeKeys === undefined || relays === undefined || ledger === undefined || issuerKeyBooks === undefined) {
    return { mode: "pass-through", baseUrl, personaVersion, egress, requests, issuerKeys };
  }
  const idempotencyKey = idempotencyKeys?.[0] ?? storeKeys[0];
  return {
    mode: "managed", baseUrl, personaVersion, egress, requests, apiKey, gatewayTokens, storeKeys, idempotencyKey, withholdRelaySecret, relays, ledger,
    issuerKeys, issuerKeyBooks, purchasesPerDay, limits, passPool, pool, access: issuer !== undefined && audience !== undefined ? { issuer, audience } : undefined,
  };
}

function others(name: string, missing: readonly string[]): string {
  return MANAGED.filter((other) => other !== name && !missing.includes(other)).join(" and ");
}
