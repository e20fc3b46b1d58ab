/** Request bodies: one JSON object, small, UTF-8. Every refusal says what was expected. */
import { GatewayError, fieldError } from "./errors.js";
import { memberNames } from "./json_members.js";

/** The largest body that is read, in bytes. */
export const MAX_BODY_BYTES = 64 * 1024;

/** Typed readers over the members of a JSON object. */
export class Fields {
  constructor(private readonly members: Readonly<Record<string, unknown>>) {}

  /** A string that must be there. */
  string(name: string): string {
    const value = this.optionalString(name);
    if (value === undefined) throw fieldError(name, "is missing");
    return value;
  }

  optionalString(name: string): string | undefined {
    const value = this.member(name);
    if (value !== undefined && typeof value !== "string") throw fieldError(name, "must be a string");
    if (value === "") throw fieldError(name, "must not be empty");
    return value;
  }

  /** A string or null that must be there. */
  nullableString(name: string): string | null {
    if (this.member(name) === null) return null;
    const value = this.member(name);
    if (value === undefined) throw fieldError(name, "is missing (it may be null)");
    if (typeof value !== "string") throw fieldError(name, "must be a string or null");
    return value;
  }

  optionalBoolean(name: string): boolean | undefined {
    const value = this.member(name);
    if (value !== undefined && typeof value !== "boolean") throw fieldError(name, "must be true or false");
    return value;
  }

  private member(name: string): unknown {
    return Object.hasOwn(this.members, name) ? this.members[name] : undefined;
  }
}

/** What a route takes. */
export interface Expected {
  /** The names of all members that there may be. */
  readonly members: readonly string[];
  readonly allowEmpty?: boolean;
}

/**
 * Reads the body of a request. A member that is not expected, or is there twice, is refused: what was meant by it can only be
 * guessed, and whoever looked at the body before may have guessed otherwise.
 *
 * `allowEmpty`: a body of no bytes counts as `{}`, with any content type or none. Default: `false`.
 *
 * @throws GatewayError 415 for another media type, 413 over {@link MAX_BODY_BYTES}, 400 for what is not a JSON object of these members
 */
export async function readFields(request: Request, { members, allowEmpty }: Expected): Promise<Fields> {
  if (allowEmpty && !request.headers.has("content-type")) {
    if ((await readBytes(request)).byteLength === 0) return new Fields({});
    throw unsupportedMediaType("content-type is missing, expected application/json");
  }
  checkMediaType(request.headers);
  const bytes = await readBytes(request);
  if (allowEmpty && bytes.byteLength === 0) return new Fields({});
  return new Fields(parseObject(bytes, members));
}

function checkMediaType(headers: Headers): void {
  const type = headers.get("content-type");
  if (type === null) throw unsupportedMediaType("content-type is missing, expected application/json");
  const [essence = "", ...parameters] = type.split(";").map((part) => part.trim().toLowerCase());
  if (essence !== "application/json") throw unsupportedMediaType("content-type must be application/json");
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?utf-?8"?$/.test(charset)) throw unsupportedMediaType("content-type: the charset must be utf-8");
  const coding = headers.get("content-encoding");
  if (coding !== null && coding.trim().toLowerCase() !== "identity") throw unsupportedMediaType("content-encoding is not supported");
}

function unsupportedMediaType(details: string): GatewayError {
  return new GatewayError(415, "unsupported_media_type", "The body must be JSON.", { details });
}

/** The whole body. Counted as it arrives, for a chunked body announces no length; the rest is not read. */
async function readBytes(request: Request): Promise<Uint8Array> {
  const announced = request.headers.get("content-length");
  if (announced !== null && Number(announced) > MAX_BODY_BYTES) {
    await request.body?.cancel();
    throw tooLarge();
  }
  // As long as it was announced, and no longer: HTTP sees to that.
  if (announced !== null) return whole(await request.arrayBuffer().catch(incomplete));
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = request.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read().catch(incomplete);
    if (done) break;
    total += value.byteLength;
    if (total > MAX_BODY_BYTES) {
      await reader.cancel().catch(() => undefined); // the answer is the same
      throw tooLarge();
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

function whole(body: ArrayBuffer): Uint8Array {
  if (body.byteLength > MAX_BODY_BYTES) throw tooLarge();
  return new Uint8Array(body);
}

function incomplete(): never {
  throw new GatewayError(400, "body_incomplete", "The body did not arrive whole.");
}

function tooLarge(): GatewayError {
  return new GatewayError(413, "body_too_large", "The body is too large.", { details: `at most ${MAX_BODY_BYTES} bytes` });
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

function parseObject(bytes: Uint8Array, members: readonly string[]): Record<string, unknown> {
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch {
    // What the parser says quotes the body, so it is left out.
    throw new GatewayError(400, "body_not_json", "The body is not JSON.", { details: "expected a JSON object in UTF-8" });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new GatewayError(400, "body_not_object", "The body is not a JSON object.", { details: "expected a JSON object" });
  }
  const names = memberNames(text);
  for (const [index, name] of names.entries()) {
    const shown = /^[\x21-\x7e]{1,64}$/.test(name) ? name : `member ${index + 1}`;
    if (!members.includes(name)) throw fieldError(shown, members.length === 0 ? "is not expected: this takes no members" : `is not expected: this takes ${members.join(", ")}`);
    if (names.indexOf(name) < index) throw fieldError(shown, "is there twice");
  }
  return value as Record<string, unknown>;
}
