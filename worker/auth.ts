/** The `Authorization` header: who calls (RFC 6750), or which pass they spend (RFC 9577). */
import type { GatewayToken } from "./env.js";
import { GatewayError } from "./errors.js";

/**
 * The caller that a gateway token belongs to. The token's SHA-256 is compared with that of every active token, in
 * constant time and without stopping at a match, so that the time taken says nothing about any of them.
 *
 * @throws GatewayError 401
 */
export async function authenticateCaller(request: Request, tokens: readonly GatewayToken[]): Promise<string> {
  const presented = bearerToken(request);
  if (presented === undefined) throw unauthorized("expected Authorization: Bearer <gateway token>");
  const digest = await sha256(presented);
  let caller: string | undefined;
  for (const { id, token } of tokens) {
    if (crypto.subtle.timingSafeEqual(digest, await sha256(token))) caller = id;
  }
  if (caller === undefined) throw unauthorized("the gateway token is not known");
  return caller;
}

/** The API key of a caller in pass-through mode. @throws GatewayError 401 */
export function callersApiKey(request: Request): string {
  const key = bearerToken(request);
  if (key === undefined) throw unauthorized("expected Authorization: Bearer <API key>", "api_key_missing");
  return key;
}

/** The pass of `Authorization: PrivateToken token=…` (RFC 9577 section 2.2): a bare token or a quoted string. */
export function privateToken(request: Request): string | undefined {
  const header = request.headers.get("authorization") ?? "";
  const match = /^PrivateToken +token[ \t]*=[ \t]*(?:"([A-Za-z0-9_-]+={0,2})"|([A-Za-z0-9_-]+={0,2}))[ \t]*$/i.exec(header);
  return match?.[1] ?? match?.[2];
}

/** Whether two secrets are the same, in constant time. */
export async function sameSecret(a: string, b: string): Promise<boolean> {
  return crypto.subtle.timingSafeEqual(await sha256(a), await sha256(b));
}

/** 401 with the challenge that RFC 9110 section 15.5.2 asks for. */
function unauthorized(details: string, code = "unauthorized"): GatewayError {
  return new GatewayError(401, code, "The request is not authorized.", { details, headers: { "www-authenticate": "Bearer" } });
}

/** The same characters that the SDK takes for an API key. */
function bearerToken(request: Request): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
