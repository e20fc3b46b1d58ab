/** The bindings of the deployment, checked once. Their meaning and how to make them: docs/deploying.md. */
import { Persona } from "../pkg/workerd.js";

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
  readonly RELAYS?: KVNamespace;
  /** The purchases and redemptions, one object per relay: `RelayLedger`. */
  readonly LEDGER?: DurableObjectNamespace;
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
}

/** The API key, the relay secrets, the passes and the claims stay at the edge; callers bring a gateway token. */
export interface ManagedConfig {
  readonly mode: "managed";
  readonly baseUrl: string;
  readonly personaVersion: string | undefined;
  readonly apiKey: string;
  readonly gatewayTokens: readonly GatewayToken[];
  readonly storeKeys: readonly [StoreKey, ...StoreKey[]];
  /** What the idempotency keys of new purchases follow from. One in flight keeps the key it was sent with. */
  readonly idempotencyKey: StoreKey;
  readonly withholdRelaySecret: boolean;
  readonly relays: KVNamespace;
  readonly ledger: DurableObjectNamespace;
}

export type Config = PassThroughConfig | ManagedConfig;

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

const ID = /^[A-Za-z0-9_-]{1,64}$/;

function parseEnv(env: Env): Config | ConfigError {
  const problems: string[] = [];
  /** The value of one binding, or undefined, with the problem noted. */
  function read<T>(name: Exclude<keyof Env, "RELAYS" | "LEDGER">, parse: (value: string) => T): T | undefined {
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

  if (managed && env.RELAYS === undefined) {
    problems.push("RELAYS is missing: bind a KV namespace of that name in wrangler.toml");
  }
  if (managed && env.LEDGER === undefined) {
    problems.push("LEDGER is missing: bind the Durable Object class RelayLedger under that name in wrangler.toml");
  }
  if (withholdRelaySecret && missing.length === MANAGED.length) {
    problems.push(`WITHHOLD_RELAY_SECRET needs managed mode, or the secret is lost: set ${MANAGED.join(", ")}, or remove it`);
  }
  if (problems.length > 0) return new ConfigError(problems);
  const { RELAYS: relays, LEDGER: ledger } = env;
  if (apiKey === undefined || gatewayTokens === undefined || storeKeys === undefined || relays === undefined || ledger === undefined) {
    return { mode: "pass-through", baseUrl, personaVersion };
  }
  const idempotencyKey = idempotencyKeys?.[0] ?? storeKeys[0];
  return { mode: "managed", baseUrl, personaVersion, apiKey, gatewayTokens, storeKeys, idempotencyKey, withholdRelaySecret, relays, ledger };
}

/** What is wrong with a value and how to mend it, as the rest of a sentence that starts with the binding's name. */
class Mend extends Error {}

function others(name: string, missing: readonly string[]): string {
  return MANAGED.filter((other) => other !== name && !missing.includes(other)).join(" and ");
}

function parseBaseUrl(value: string): string {
  const mend = new Mend("must be an https: URL without user, query and fragment (http: on loopback only)");
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw mend;
  }
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback)) throw mend;
  if (/[\s\\?#@]/.test(value)) throw mend;
  try {
    new Persona({ baseUrl: value });
  } catch {
    throw mend;
  }
  return value;
}

function parseVersion(value: string): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(value) ? new Date(`${value}T00:00:00Z`) : undefined;
  // A day that no month has becomes NaN or another day.
  if (time === undefined || Number.isNaN(time.getTime()) || time.toISOString().slice(0, 10) !== value) {
    throw new Mend("must be a date, YYYY-MM-DD");
  }
  return value;
}

function parseBoolean(value: string): boolean {
  if (value !== "true" && value !== "false") throw new Mend("must be true or false");
  return value === "true";
}

function parseApiKey(value: string): string {
  if (!/^[\x21-\x7e]{1,512}$/.test(value)) throw new Mend("must be 1 to 512 visible ASCII characters, without spaces");
  return value;
}

function parseGatewayTokens(value: string): GatewayToken[] {
  const tokens = pairs(value).map(([id, token], index) => {
    if (!/^[\x21-\x7e]{32,512}$/.test(token)) {
      throw new Mend(`entry ${index + 1}: the token must be 32 to 512 visible ASCII characters, without spaces and commas`);
    }
    return { id, token };
  });
  if (new Set(tokens.map(({ token }) => token)).size < tokens.length) throw new Mend("has one token twice: each must differ");
  for (const { id } of tokens) {
    if (tokens.filter((other) => other.id === id).length > 2) throw new Mend("has more than two tokens for one id");
  }
  return tokens;
}

function parseKeys(value: string): [StoreKey, ...StoreKey[]] {
  const seen = new Set<string>();
  const keys = pairs(value).map(([id, base64], index): StoreKey => {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(base64)) throw new Mend(`entry ${index + 1}: the key must be 32 bytes in standard base64`);
    const binary = atob(base64);
    // The last character carries two bits that must be zero, or two texts would be one key.
    if (btoa(binary) !== base64) throw new Mend(`entry ${index + 1}: the key is not canonical base64`);
    if (seen.has(id) || seen.has(base64)) throw new Mend(`entry ${index + 1}: each id and each key may appear once`);
    seen.add(id).add(base64);
    return { id, bytes: Uint8Array.from(binary, (char) => char.charCodeAt(0)) };
  });
  return keys as [StoreKey, ...StoreKey[]]; // split() never answers an empty list
}

/** `id:value,id:value`, each cut at its first colon. */
function pairs(list: string): [id: string, value: string][] {
  return list.split(",").map((entry, index) => {
    const colon = entry.indexOf(":");
    const id = entry.slice(0, Math.max(colon, 0));
    if (!ID.test(id)) throw new Mend(`entry ${index + 1}: must be id:value, the id 1 to 64 of A-Z a-z 0-9 _ -`);
    return [id, entry.slice(colon + 1)];
  });
}
