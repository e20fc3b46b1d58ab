/**
 * Relay Edge as a Cloudflare Worker: the gateway contract of docs/protocol.md.
 * Only wiring here: configuration, route, answer, one log line.
 */
import { type Env, ConfigError, readConfig } from "./env.js";
import { errorResponse, noteError } from "./errors.js";
import { type LogFields, writeLog } from "./log.js";
import { dispatch } from "./routes.js";

export { RelayLedger } from "./relay_ledger.js";

export default {
  fetch(request, env, ctx): Promise<Response> {
    const answer = handle(request, env);
    // A caller that goes away cancels the invocation, after a purchase may have been billed or a pass spent. With this
    // the runtime lets the work go on (for 30 s, see DEADLINE_MS in upstream.ts), so that its result is stored and logged.
    ctx.waitUntil(answer);
    return answer;
  },
} satisfies ExportedHandler<Env>;

/** Answers one request. Never rejects: every error is a JSON answer. */
async function handle(request: Request, env: Env): Promise<Response> {
  const startedMs = Date.now();
  const log: LogFields = { method: request.method };
  let response: Response;
  try {
    const config = readConfig(env);
    if (config instanceof ConfigError) throw config;
    log.mode = config.mode;
    response = await dispatch(request, config, log);
  } catch (error) {
    noteError(log, error);
    response = errorResponse(error);
  }
  writeLog({ ...log, status: response.status, ms: Date.now() - startedMs });
  return response;
}
