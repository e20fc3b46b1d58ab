/** Every error a caller can see, and the one function that renders them. Codes are listed in docs/integrating.md. */
import { jsonResponse } from "./answer.js";
import { ConfigError } from "./env.js";
import type { LogFields } from "./log.js";

/** What is said about an error besides its status, code and title. */
export interface ErrorExtras {
  /** Starts with the field that is wrong, when there is one. */
  readonly details?: string | undefined;
  /** The upstream's own. */
  readonly meta?: Record<string, unknown> | undefined;
  /** The upstream's `Request-Id`; echoed and logged. */
  readonly requestId?: string | undefined;
  /** Seconds until another try makes sense. */
  readonly retryAfterS?: number | undefined;
  readonly headers?: Record<string, string>;
  /** For the operator's log only. */
  readonly mend?: string;
  /** Keeps the upstream's request id out of the answer, and in the log. */
  readonly withholdRequestId?: boolean;
}

/** An error whose every part may be shown to the caller. Anything else that is thrown is answered as `internal`. */
export class GatewayError extends Error {
  override readonly name = "GatewayError";
  constructor(
    readonly status: number,
    readonly code: string,
    readonly title: string,
    readonly extras: ErrorExtras = {},
  ) {
    super(title);
  }
}

/** 400, naming the field as the caller spells it. */
export function fieldError(field: string, problem: string): GatewayError {
  return new GatewayError(400, "parameter_invalid", "A parameter is missing or malformed.", { details: `${field} ${problem}` });
}

/** 401 with the challenge that RFC 9110 section 15.5.2 asks for. */
export function unauthorized(details: string, { code = "unauthorized", challenge = "Bearer" } = {}): GatewayError {
  return new GatewayError(401, code, "The request is not authorized.", { details, headers: { "www-authenticate": challenge } });
}

/**
 * 404 in managed mode, whether the relay is another caller's, unknown upstream, or the relay secret is wrong: always the
 * same. The upstream's request id is for the log. (A relay that KV does not show is 503 to a caller who sends no secret: a
 * miss is no absence.)
 */
export function relayNotFound(requestId?: string): GatewayError {
  return new GatewayError(404, "relay_not_found", "There is no such relay, or the relay secret is wrong.", {
    requestId,
    withholdRequestId: true,
  });
}

/** 503 for a relay that KV does not show yet; a miss is never taken for absence (docs/exactly-once.md). */
export function relayNotFoundYet(): GatewayError {
  const details = "relay-token is not known here (yet); try again, or send persona-relay-secret along";
  return new GatewayError(503, "relay_not_found_yet", "The relay is not known here yet.", { details, retryAfterS: NOT_FOUND_YET_RETRY_S });
}

/** KV itself failed, or a Durable Object could not be reached. */
export function storeUnavailable(): GatewayError {
  return new GatewayError(503, "store_unavailable", "The gateway's store did not answer. Try again.", { retryAfterS: STORE_RETRY_S });
}

/** What is stored was altered, or its key is gone. Nothing is done for anybody: without it nobody knows whose it is. */
export function storedRecordInvalid(mend: string): GatewayError {
  return new GatewayError(500, "stored_record_invalid", "What is stored for this relay can't be read.", { mend });
}

/** What to mend when an object of the ledger can't be opened, in an answer and in the log of an alarm. */
export const LEDGER_UNREADABLE = "LEDGER: an entry can't be opened: it was altered, or STORE_KEYS lacks the key it was sealed under";

/** A fault that was noticed elsewhere, as {@link describeFault} put it. */
export class RemoteFault extends Error {
  override readonly name = "RemoteFault";
  constructor(readonly fault: string) {
    super("a ledger object failed");
  }
}

/** Renders any thrown value. Says nothing about the inside for a 500. */
export function errorResponse(error: unknown): Response {
  const shown = error instanceof GatewayError ? error : error instanceof ConfigError ? unconfigured : internal;
  const { details, meta, requestId, retryAfterS, headers, withholdRequestId } = shown.extras;
  const all: Record<string, string> = { ...headers };
  if (retryAfterS !== undefined) all["retry-after"] = String(Math.max(1, Math.ceil(retryAfterS)));
  if (requestId !== undefined && !withholdRequestId && SAFE_ID.test(requestId)) all["request-id"] = requestId;
  return jsonResponse(shown.status, { errors: [{ title: shown.title, details, code: shown.code, meta }] }, all);
}

/** Notes in the log what {@link errorResponse} answers and what it keeps back. */
export function noteError(log: LogFields, error: unknown): void {
  if (error instanceof GatewayError) {
    log.code = error.code;
    const { requestId, mend } = error.extras;
    if (requestId !== undefined && SAFE_ID.test(requestId)) log.upstreamRequestId = requestId;
    if (mend !== undefined) log.mend = [...(log.mend ?? []), mend];
  } else if (error instanceof ConfigError) {
    log.code = unconfigured.code;
    log.mend = [...error.problems];
  } else {
    log.code = internal.code;
    log.fault = error instanceof RemoteFault ? error.fault : describeFault(error);
  }
}

/** KV shows a write everywhere after about a minute; most are seen much sooner. */
const NOT_FOUND_YET_RETRY_S = 5;

/** Until a store that failed may answer again. */
export const STORE_RETRY_S = 2;

const SAFE_ID = /^[\x21-\x7e]{1,128}$/;

const unconfigured = new GatewayError(500, "misconfigured", "The gateway is not configured. Its log says what is missing.");
const internal = new GatewayError(500, "internal", "The gateway failed. The next request is not affected.");

/** Class and place of an exception. Its message is left out, for it may quote what was being handled. */
export function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const name = /^\w{1,64}$/.test(error.name) ? error.name : "Error";
  const frame = /\n\s+at (?:async )?([\w.$]{1,80}) \((?:[^()\n]*\/)?([\w.-]{1,80}:\d+:\d+)\)/.exec(error.stack ?? "");
  return frame === null ? name : `${name} at ${frame[1]} (${frame[2]})`;
}
