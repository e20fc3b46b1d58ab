/** The `Authorization` header: who calls (RFC 6750), or which pass they spend (RFC 9577). */
import type { GatewayToken } from "./env.js";
import { unauthorized } from "./errors.js";

/**
 * The caller that a gateway token belongs to. The token's SHA-256 is compared with that of every active token, in
 * constant time and without stopping at a match, so that the time taken says nothing about any of them.
 *
 * @throws GatewayError 401
 */
export async function authenticateCaller(request: Request, tokens: readonly GatewayToken[]): Promise<string> {
  const presented = bearerToken(request);
  if (presented === undefined) throw unauthorized("expected Authorization: Bearer <gateway token>");
  const known = await digestsOf(tokens);
  const digest = await sha256(presented);
  let caller: string | undefined;
  for (const [index, { id }] of tokens.entries()) {
    if (sameDigest(digest, known[index] as ArrayBuffer)) caller = id;
  }
  if (caller === undefined) throw unauthorized("the gateway token is not known");
  return caller;
}

/** The API key of a caller in pass-through mode. @throws GatewayError 401 */
export function callersApiKey(request: Request): string {
  const key = bearerToken(request);
  if (key === undefined) throw unauthorized("expected Authorization: Bearer <API key>", { code: "api_key_missing" });
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
  return sameDigest(await sha256(a), await sha256(b));
}

/** The same characters that the SDK takes for an API key. */
function bearerToken(request: Request): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,512}) *$/i.exec(request.headers.get("authorization") ?? "")?.[1];
}

/** In constant time: by the runtime's own function, which only workerd has, or over all bytes. */
function sameDigest(a: ArrayBuffer, b: ArrayBuffer): boolean {
  if (typeof crypto.subtle.timingSafeEqual === "function") return crypto.subtle.timingSafeEqual(a, b);
  const other = new Uint8Array(b);
  return new Uint8Array(a).reduce((difference, byte, index) => difference | (byte ^ (other[index] ?? 0xff)), a.byteLength ^ b.byteLength) === 0;
}

/** Made once for a configuration. */
async function digestsOf(tokens: readonly GatewayToken[]): Promise<readonly ArrayBuffer[]> {
  const made = digests.get(tokens) ?? (await Promise.all(tokens.map(({ token }) => sha256(token))));
  digests.set(tokens, made);
  return made;
}

const digests = new WeakMap<readonly GatewayToken[], readonly ArrayBuffer[]>();

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
}
