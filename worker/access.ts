/**
 * Callers who come through Cloudflare Access: its JWT says who they are
 * (developers.cloudflare.com/cloudflare-one/identity/authorization-cookie/validating-json/). The header alone proves nothing,
 * for who reaches the Worker past Access may send any; the signature does.
 */
import type { JWTPayload, JWTVerifyGetKey } from "jose";
import { createRemoteJWKSet } from "jose/jwks/remote";
import { jwtVerify } from "jose/jwt/verify";
import { GatewayError, STORE_RETRY_S, unauthorized } from "./errors.js";
import { sha256Hex } from "./seal.js";

/** The team and its application. Its identity stands for the keys that were fetched for it. */
export interface AccessSettings {
  /** `https://<team domain>`: where the keys are, and who has to have issued. */
  readonly issuer: string;
  /** The application's AUD tag. */
  readonly audience: string;
}

/** The JWT that Access sends along, if it does. */
export function accessAssertion(request: Request): string | undefined {
  return request.headers.get("cf-access-jwt-assertion") ?? undefined;
}

/**
 * The id of the caller that a JWT names: `access:service:…` for a service token, `access:person:…` for a person. No gateway
 * token has such an id.
 *
 * @throws GatewayError 401, or 503 when the team's keys can't be fetched
 */
export async function accessCaller(assertion: string, settings: AccessSettings): Promise<string> {
  const { issuer, audience } = settings;
  const options = { issuer, audience, algorithms: ["RS256"], requiredClaims: ["exp"], clockTolerance: CLOCK_TOLERANCE_S };
  const { payload } = await jwtVerify(assertion, keysOf(settings), options).catch((error: unknown) => {
    throw isUnavailable(error) ? unavailable() : unauthorized("cf-access-jwt-assertion does not verify", { challenge: "Cloudflare-Access" });
  });
  const id = await idOf(payload);
  if (id === undefined) throw unauthorized("cf-access-jwt-assertion names nobody", { challenge: "Cloudflare-Access" });
  return id;
}

/** A service token has its client id in `common_name` and an empty `sub`; a person has a `sub`, with a client certificate both. */
async function idOf({ sub, common_name: name }: JWTPayload): Promise<string | undefined> {
  if (typeof sub === "string" && sub !== "") return `access:person:${(await sha256Hex(sub)).slice(0, 32)}`;
  if (typeof name !== "string" || name === "") return undefined;
  // `#` is in no name that is taken as it is.
  return `access:service:${/^[A-Za-z0-9_.-]{1,64}$/.test(name) ? name : `#${(await sha256Hex(name)).slice(0, 32)}`}`;
}

/** Kept for ten minutes, and fetched again for a key that is not among them, but not more often than {@link COOLDOWN_MS}. */
function keysOf(settings: AccessSettings): JWTVerifyGetKey {
  let keys = known.get(settings);
  if (keys === undefined) {
    // Nothing of the caller's goes along, and a redirect is not followed.
    keys = createRemoteJWKSet(new URL(`${settings.issuer}/cdn-cgi/access/certs`), { cooldownDuration: COOLDOWN_MS, timeoutDuration: TIMEOUT_MS });
    known.set(settings, keys);
  }
  return keys;
}

const known = new WeakMap<AccessSettings, JWTVerifyGetKey>();

/** Whether it is the keys that are amiss, and not the JWT. */
function isUnavailable(error: unknown): boolean {
  const { code } = error as { code?: unknown };
  return typeof code !== "string" || !code.startsWith("ERR_J") || ["ERR_JWKS_TIMEOUT", "ERR_JWKS_INVALID", "ERR_JOSE_GENERIC"].includes(code);
}

function unavailable(): GatewayError {
  const mend = "ACCESS_TEAM_DOMAIN: the team's keys could not be fetched; check the domain, and whether Cloudflare Access is available";
  return new GatewayError(503, "access_unavailable", "Who calls can't be checked now. Try again.", { retryAfterS: STORE_RETRY_S, mend });
}

const COOLDOWN_MS = 5_000;
const TIMEOUT_MS = 5_000;
const CLOCK_TOLERANCE_S = 10;
