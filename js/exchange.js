// One exchange with the upstream: a request over `fetch`, and its whole answer. The module asks for it in one call
// (src/wasm/fetch.rs): each of the runtime's functions that it called itself, and each closure that it gave away, would cost
// more than what happens here.
import { LONGEST, textOf } from "./body.js";

/**
 * Sends a request and reads the answer to its end. Redirects are not followed.
 *
 * @param {typeof globalThis.fetch | undefined} own the caller's `fetch`
 * @param {string} request JSON: `url` and `init`, as `fetch` takes them
 * @param {number} timeoutMs for all of it
 * @returns {Promise<[unknown, ...unknown[]] | undefined>} the status, `request-id`, `retry-after`, `ratelimit-reset`,
 *   `www-authenticate`, and the text; `undefined` when the time was over. Rejected with whatever was thrown: what `own` answers may
 *   be of another realm or library, or no `Response` at all.
 */
export function exchange(own, request, timeoutMs) {
  return new Promise((resolve, reject) => {
    const controller = new AbortController();
    const timer = setTimeout(() => {
      controller.abort();
      resolve();
    }, timeoutMs);
    const settle = (done) => (value) => {
      clearTimeout(timer);
      done(value);
    };
    converse(own, request, controller.signal).then(settle(resolve), settle(reject));
  });
}

async function converse(own, request, signal) {
  const { url, init } = JSON.parse(request);
  init.signal = signal;
  // Bare, for a `fetch` that was taken off its global is an illegal invocation.
  const answer = await (own === undefined ? fetch(url, init) : own(url, init));
  const { status, headers } = answer;
  if (typeof status !== "number") throw new TypeError("fetch answered something without a status");
  const [requestId, retryAfter, reset, authenticate] = ["request-id", "retry-after", "ratelimit-reset", "www-authenticate"].map((name) => headers.get(name));
  const text = await textOf(answer);
  if (typeof text !== "string") throw new TypeError("text() answered something that is no string");
  return [status, requestId, retryAfter, reset, authenticate, text.length > LONGEST ? "" : text];
}
