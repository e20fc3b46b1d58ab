/** One request: configuration, route, answer, one log line. */
import type { Binding } from "./callers.js";
import { ConfigError, type Env, readConfig } from "./env.js";
import { errorResponse, noteError } from "./errors.js";
import { type LogFields, writeLog } from "./log.js";
import { dispatch } from "./routes.js";

/**
 * Answers one request. Never rejects: every error is a JSON answer. It has to be let run to its end even when the caller is
 * gone: a purchase may have been billed or a pass spent, and its result is to be stored and logged.
 *
 * `binding`: when it came in through one. It then has no credential of its own.
 */
export async function handle(request: Request, env: Env, binding?: Binding): Promise<Response> {
  const startedMs = Date.now();
  const log: LogFields = { method: request.method };
  let response: Response;
  try {
    const config = readConfig(env);
    if (config instanceof ConfigError) throw config;
    log.mode = config.mode;
    response = await dispatch(request, config, log, binding);
  } catch (error) {
    noteError(log, error);
    response = errorResponse(error);
  }
  writeLog({ ...log, status: response.status, ms: Date.now() - startedMs });
  return response;
}
