/**
 * What an anonymous call carries, in the order and case in which it comes over the wire, written down: ours and, by runtime,
 * what the runtime adds. A header that is not here fails the test.
 */

/** Ours: the names, and what they say. */
const OWN = {
  "content-type": /^application\/json$/,
  accept: /^application\/json$/,
  "key-inflection": /^kebab$/,
  authorization: /^PrivateToken token=[A-Za-z0-9_-]+$/,
  "persona-relay-secret": /^[0-9a-f-]{36}$/,
  "idempotency-key": /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
};

/** Which of ours each call has. A header is in no call that does not need it. */
const COMMON = ["content-type", "accept", "key-inflection"];
export const CALLS = {
  create: COMMON,
  challenge: COMMON,
  "relay-challenge": [...COMMON, "persona-relay-secret"],
  redeem: [...COMMON, "authorization", "persona-relay-secret", "idempotency-key"],
};

const LENGTH = /^\d+$/;
const LOCAL = /^127\.0\.0\.1:\d+$/;
const KEEP = /^keep-alive$/;

/** By runtime: what it adds, and the order of everything. */
export const RUNTIMES = {
  workerd: {
    adds: { "Content-Length": LENGTH, Host: LOCAL, "CF-Worker": /^[a-z.]+$/ },
    order: ["Content-Length", "Host", "Content-Type", "Accept", "Authorization", "CF-Worker", "idempotency-key", "key-inflection", "persona-relay-secret"],
  },
  deno: {
    adds: { "content-length": LENGTH, "accept-language": /^\*$/, "user-agent": /^Deno\/[\d.]+$/, "accept-encoding": /^gzip,br$/, host: LOCAL },
    order: ["content-length", "content-type", "accept", "key-inflection", "authorization", "persona-relay-secret", "idempotency-key", "accept-language", "user-agent", "accept-encoding", "host"],
  },
  bun: {
    adds: { Connection: KEEP, "User-Agent": /^Bun\/[\d.]+$/, Host: LOCAL, "Accept-Encoding": /^gzip, deflate, br, zstd$/, "Content-Length": LENGTH },
    order: ["Accept", "Authorization", "Content-Type", "idempotency-key", "key-inflection", "persona-relay-secret", "Connection", "User-Agent", "Host", "Accept-Encoding", "Content-Length"],
  },
  node: {
    adds: { host: LOCAL, connection: KEEP, "accept-language": /^\*$/, "sec-fetch-mode": /^cors$/, "user-agent": /^node$/, "accept-encoding": /^gzip, deflate$/, "content-length": LENGTH },
    order: ["host", "connection", "content-type", "accept", "key-inflection", "authorization", "persona-relay-secret", "idempotency-key", "accept-language", "sec-fetch-mode", "user-agent", "accept-encoding", "content-length"],
  },
};

/** The same through the proxy of docs/hosting.md, as they come out of it. */
export const PROXIED = {
  // The proxy of the test adds a Connection of its own, where Deno sends none.
  deno: { adds: { ...RUNTIMES.deno.adds, Connection: /^(?:keep-alive|close)$/ }, order: [...RUNTIMES.deno.order, "Connection"] },
  bun: RUNTIMES.bun,
  node: { ...RUNTIMES.node, adds: { ...RUNTIMES.node.adds, "user-agent": /^undici$/ } },
};

/** What workerd adds names the Worker that sends. @param {string} zone */
export const workerdIn = (zone) => ({ ...RUNTIMES.workerd, adds: { ...RUNTIMES.workerd.adds, "CF-Worker": new RegExp(`^${zone.replaceAll(".", "\\.")}$`) } });

/** @param {{ method: string, target: string, headers: [string, string][] }} request @returns {keyof typeof CALLS | undefined} */
export function callOf({ target, headers }) {
  if (target === "/api/privacy/v1/relays") return "create";
  if (target === "/api/privacy/v1/relays/challenge") return "challenge";
  if (!/^\/api\/privacy\/v1\/relays\/[^/]+\/generate-claim$/.test(target)) return undefined;
  return headers.some(([name]) => name.toLowerCase() === "authorization") ? "redeem" : "relay-challenge";
}

/**
 * What is wrong with the headers of a call; empty if nothing is.
 *
 * @param {{ method: string, target: string, headers: [string, string][] }} request
 * @param {{ adds: Record<string, RegExp>, order: string[] }} runtime
 */
export function wrongHeaders(request, { adds, order }) {
  const call = callOf(request);
  if (call === undefined) return [`no anonymous call: ${request.target}`];
  const own = CALLS[call];
  const expected = order.filter((name) => Object.hasOwn(adds, name) || own.includes(name.toLowerCase()));
  const names = request.headers.map(([name]) => name);
  const wrong = names.join() === expected.join() ? [] : [`${call}: ${names.join(", ")}\n  instead of ${expected.join(", ")}`];
  for (const [name, value] of request.headers) {
    const says = adds[name] ?? OWN[name.toLowerCase()];
    if (says !== undefined && !says.test(value)) wrong.push(`${call}: ${name}: ${value}`);
  }
  return wrong;
}
