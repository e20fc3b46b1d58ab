/** How a ledger object answers: never with an exception, for only plain data crosses whole. */
import { PersonaError } from "../pkg/workerd.js";
import { describeFault } from "./errors.js";
import type { Failure, Outcome, Refusal } from "./ledger_protocol.js";
import { UnsealError } from "./seal.js";

/** A refusal on its way out. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.why);
  }
}

/** A failure that is not of this moment, on its way out. */
export class Failed extends Error {
  constructor(readonly failure: Failure) {
    super(failure.code);
  }
}

/** Never rejects. */
export function answering<T extends object>(work: () => Promise<T & { replayed: boolean }>): Promise<Outcome<T>> {
  return refusing<T>(async () => {
    const { replayed, ...value } = await work();
    return { ok: true, value: value as unknown as T, replayed };
  });
}

/** Never rejects. */
export async function refusing<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failed) return { ok: false, failure: error.failure };
    const refusal = refusalOf(error);
    if (refusal !== undefined) return { ok: false, refusal };
    if (error instanceof PersonaError) return { ok: false, failure: plain(error) };
    return { ok: false, refusal: { why: "fault", fault: describeFault(error) } };
  }
}

/** What an object refuses by itself, if that is what was thrown. */
export function refusalOf(error: unknown): Refusal | undefined {
  // The SDK throws what its store threw as a cause.
  const inner = error instanceof PersonaError ? error.cause : error;
  if (inner instanceof Refused) return inner.refusal;
  return inner instanceof UnsealError || (error instanceof PersonaError && error.code === "record_invalid") ? { why: "unreadable" } : undefined;
}

/** A parameter is malformed, or there is no such relay under this secret. */
export function isCallersMistake(outcome: Outcome<unknown>): boolean {
  if (outcome.ok || !("failure" in outcome)) return false;
  const { statusCode, origin } = outcome.failure;
  return origin === "caller" || (origin === "upstream" && statusCode === 404);
}

/** What of it crosses. */
export function plain(error: PersonaError): Failure {
  const { statusCode, title, details, code, meta, origin, field, requestId, retryAfter } = error;
  const members = { statusCode, title, details, code, meta, origin, field, requestId, retryAfter };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as unknown as Failure;
}
