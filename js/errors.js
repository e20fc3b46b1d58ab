/** Why a call failed. See index.d.ts. */
export class PersonaError extends Error {
  constructor(data) {
    super(data.details === undefined ? data.title : `${data.title}: ${data.details}`, "cause" in data ? { cause: data.cause } : undefined);
    for (const name of MEMBERS) if (data[name] !== undefined) this[name] = data[name];
  }
}
Object.defineProperty(PersonaError.prototype, "name", { value: "PersonaError", configurable: true, writable: true });

const MEMBERS = ["statusCode", "title", "details", "code", "meta", "origin", "field", "requestId", "retryAfter"];

/** What the wasm module threw, as callers see it: its plain data becomes a PersonaError, a TypeError stays one. */
export function toError(thrown) {
  return typeof thrown?.statusCode === "number" && !(thrown instanceof Error) ? new PersonaError(thrown) : thrown;
}
