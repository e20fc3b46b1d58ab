/** How many requests somebody may make in a minute (`REQUESTS`). Not exact: it is there against floods, not for the bill. */
import { GatewayError } from "./errors.js";
import { sha256Hex } from "./seal.js";

/** What is used of a rate limit binding. */
export interface RequestLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/**
 * Counts a request of a caller who is known.
 *
 * @throws GatewayError 429
 */
export function countCaller(limiter: RequestLimiter | undefined, callerId: string): Promise<void> {
  return count(limiter, `caller:${callerId}`);
}

/**
 * Counts a request of nobody known, by the address that Cloudflare saw. What is known by a credential is never counted by its
 * address: addresses are shared, and others could use them up.
 *
 * @throws GatewayError 429
 */
export async function countAddress(limiter: RequestLimiter | undefined, request: Request): Promise<void> {
  if (limiter === undefined) return;
  const address = network(request.headers.get("cf-connecting-ip") ?? "");
  await count(limiter, `${ADDRESS}${await sha256Hex(address)}`);
}

/** What the keys of {@link countAddress} begin with. */
export const ADDRESS = "address:";

async function count(limiter: RequestLimiter | undefined, key: string): Promise<void> {
  // One that fails lets pass: what costs money is counted elsewhere.
  const { success } = (await limiter?.limit({ key }).catch(() => undefined)) ?? { success: true };
  if (!success) throw new GatewayError(429, "rate_limited", "Too many requests.", { retryAfterS: RETRY_AFTER_S });
}

/** An IPv6 address stands for its /64, which is one customer's. */
function network(address: string): string {
  const [head = "", tail] = address.split("::");
  if (!address.includes(":")) return address;
  const [start, end] = [head, tail ?? ""].map((part) => (part === "" ? [] : part.split(":")));
  const groups = [...(start ?? []), ...Array(tail === undefined ? 0 : Math.max(0, 8 - (start?.length ?? 0) - (end?.length ?? 0))).fill("0"), ...(end ?? [])];
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, "").toLowerCase()).join(":");
}

/** The longest that a window of the binding can be. */
const RETRY_AFTER_S = 60;
