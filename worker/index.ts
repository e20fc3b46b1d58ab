/**
 * Relay Edge as a Cloudflare Worker: the gateway contract of docs/protocol.md.
 * Only wiring here, of what is Cloudflare's. Elsewhere the same code is served by hosts/.
 */
import type { Env } from "./env.js";
import { handle } from "./handle.js";
import { topUpPool } from "./pool_client.js";

export { RelayGateway } from "./relay_gateway.js";
export { CallerLimits } from "./durable_limits.js";
export { DurableIssuerKeys as IssuerKeys } from "./durable_issuer_keys.js";
export { DurableLedger as RelayLedger } from "./durable_ledger.js";
export { DurablePool as PassPool } from "./durable_pool.js";

export default {
  fetch(request, env, ctx): Promise<Response> {
    const answer = handle(request, env);
    // A caller that goes away cancels the invocation. With this the runtime lets the work go on (for 30 s, see DEADLINE_MS in
    // upstream.ts).
    ctx.waitUntil(answer);
    return answer;
  },

  /** The cron trigger of wrangler.toml. */
  scheduled(_, env): Promise<void> {
    return topUpPool(env);
  },
} satisfies ExportedHandler<Env>;
