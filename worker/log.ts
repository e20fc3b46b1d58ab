/**
 * One JSON line per request, and one when an alarm of the ledger finds trouble or something happens to the passes bought ahead. What is not listed here is not logged: no body, no header, no path, no query, no secret.
 * The fields are explained in docs/deploying.md.
 */

export type LogLevel = "info" | "warn" | "error";

/** What the layers add while a request is answered. */
export interface LogFields {
  method: string;
  /** The route's pattern, such as `/relays/{relay-token}/redeem`; the path itself names a relay. */
  route?: string;
  mode?: "managed" | "pass-through";
  /** The id of the caller. */
  caller?: string;
  /** Stands for the relay token: see `relayLogId`. */
  relay?: string;
  /** The `code` of the error that was answered. */
  code?: string;
  /** The upstream's `Request-Id`, for a question to Persona. */
  upstreamRequestId?: string;
  /** For the operator: what is wrong with the deployment and how to mend it. Makes the line an error. */
  mend?: string[];
  /** Where an unexpected exception came from: its class and one stack frame, never its message. */
  fault?: string;
}

/** Writes the line of one request. */
export function writeLog(fields: LogFields & { status: number; ms: number }): void {
  const level = levelOf(fields);
  const line = JSON.stringify({ level, event: "request", ...fields });
  if (level === "error") console.error(line);
  else if (level === "warn") console.warn(line);
  else console.log(line);
}

/** Writes the line of a ledger object's alarm that an operator should see. */
export function writeAlarmLog(fields: Pick<LogFields, "caller" | "relay" | "mend" | "fault"> & { code: string }): void {
  console.error(JSON.stringify({ level: "error", event: "alarm", ...fields }));
}

/** Writes the line of an issuer key that was bought under although it is suspicious (`PERMISSIVE_ISSUER_KEYS`). */
export function writeIssuerKeyLog(fields: Pick<LogFields, "mend"> & { code: string }): void {
  console.error(JSON.stringify({ level: "error", event: "issuer-key", ...fields }));
}

/** Writes a line of the passes bought ahead (`PASS_POOL`). */
export function writePoolLog(level: LogLevel, fields: Partial<Pick<LogFields, "caller" | "code" | "upstreamRequestId" | "mend" | "fault">> & PoolFields): void {
  const line = JSON.stringify({ level, event: "pool", ...fields });
  if (level === "error") console.error(line);
  else if (level === "warn") console.warn(line);
  else console.log(line);
}

interface PoolFields {
  claimType?: string;
  sandbox?: boolean;
  /** How many passes it is about. */
  count?: number;
}

/** `error` is for what an operator has to mend, `warn` for what may pass by itself. */
function levelOf(fields: LogFields & { status: number }): LogLevel {
  if (fields.status === 500 || fields.mend !== undefined) return "error";
  return fields.status >= 500 || fields.status === 429 ? "warn" : "info";
}
