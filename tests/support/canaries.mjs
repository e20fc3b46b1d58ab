/**
 * Every secret that a test makes or sees, and the search for it where it must not be: in logs, in errors, in what is stored.
 * Whoever starts a gateway here has it searched when it is closed. Per process, as tests are.
 */
import diagnostics from "node:diagnostics_channel";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import path from "node:path";

/** Anything shorter is in many a file by chance. */
const SHORTEST = 16;

/** Above that a part of it is looked for: the beginning, for a text may be cut off, and the end, for many begin alike. */
const LONG = 64;

/** Four bytes times this, of which the upper 22 bits count. */
const SPREAD = 0x9e3779b1;

/** What a caller may be answered about a relay of its own; a deployment's secrets it may not. */
const HANDED_OUT = /^(?:relay|session|persona-relay-secret|privacy-pass-token|pass|claim)/;

/** What is looked for, by its first four bytes. @type {Map<number, { bytes: Buffer, what: string }[]>} */
const needles = new Map();
/** Which first four bytes there are, hashed: most of what is searched is done with by one look. */
const first = new Uint8Array(1 << 22);
const known = new Set();
/** Whose a secret is, and which caller a token is. @type {Map<string, string>} */
const owners = new Map();
/** @type {Map<string, string>} */
const callers = new Map();

/**
 * Makes a secret known.
 *
 * @template T
 * @param {string} kind such as `relay secret`
 * @param {T} value what is no text, or too short to be looked for, is passed over
 * @returns {T} the value
 */
export function secret(kind, value) {
  if (typeof value !== "string" || value.length < SHORTEST || known.has(value)) return value;
  known.add(value);
  const parts = value.length <= LONG ? [value] : [value.slice(0, LONG), value.slice(-LONG / 2)];
  for (const part of parts) {
    for (const [form, bytes] of formsOf(part)) look(bytes, `${kind}, ${form}`);
  }
  if (/^[\w+/-]{40,}={0,2}$/.test(value)) look(Buffer.from(value, /^[0-9a-f]+$/i.test(value) ? "hex" : "base64").subarray(0, 32), `${kind}, what it encodes`);
  return value;
}

/**
 * The secrets of a deployment, by the names of its settings.
 *
 * @param {Record<string, unknown>} bindings
 */
export function secretsOf(bindings) {
  const list = (/** @type {unknown} */ text) => (typeof text === "string" ? text.split(",").map((entry) => entry.trim()) : []);
  secret("API key", bindings.PERSONA_API_KEY);
  for (const name of ["STORE_KEYS", "IDEMPOTENCY_KEYS"]) for (const entry of list(bindings[name])) secret(name, entry.slice(entry.indexOf(":") + 1));
  for (const entry of list(bindings.GATEWAY_TOKENS)) {
    const [id = "", token = ""] = entry.split(":");
    callers.set(secret("gateway token", token), id);
  }
}

/** What a request to a gateway carries. @param {{ bearer?: string | undefined, headers?: Record<string, string> | undefined }} request */
export function secretsSent({ bearer, headers = {} }) {
  secret("bearer token", bearer);
  for (const name of ["persona-relay-secret", "idempotency-key", "cf-access-jwt-assertion"]) secret(name, headers[name]);
}

/**
 * An answer of a gateway: what it hands out becomes known, and is nobody else's. An error hands out nothing.
 *
 * @param {{ bearer?: string | undefined, status: number, headers: Headers, text: string, body: any }} answer
 * @throws when it holds what it must not
 */
export function answered({ bearer, status, headers, text, body }) {
  const found = findSecrets(`${text}\n${JSON.stringify([...headers])}`).filter((what) => status >= 400 || !HANDED_OUT.test(what));
  if (found.length > 0) throw new Error(`an answer of ${status} holds ${found.join("; ")}`);
  if (status >= 400) return;
  const party = bearer === undefined ? undefined : callers.get(bearer);
  for (const name of ["relay-secret", "relay-session-access-token", "privacy-pass-token"]) {
    const value = secret(name, body?.[name]);
    if (typeof value !== "string" || party === undefined) continue;
    const owner = owners.get(value) ?? party;
    if (owner !== party) throw new Error(`a ${name} of ${owner} was answered to ${party}`);
    owners.set(value, party);
  }
  secret("claim", body?.["claim-payload"]);
}

/**
 * What of the known secrets is in there, each in the form that it was found in.
 *
 * @param {string | Uint8Array} where
 * @returns {string[]} empty when all is well; never the secret itself
 */
export function findSecrets(where) {
  const bytes = typeof where === "string" ? Buffer.from(where) : Buffer.from(where.buffer, where.byteOffset, where.byteLength);
  const found = new Set();
  let start = 0;
  for (let at = -3, { length } = bytes; at <= length - 4; at += 1) {
    start = (start >>> 8) | ((bytes[at + 3] ?? 0) << 24);
    if (first[Math.imul(start, SPREAD) >>> 10] === 0 || at < 0) continue;
    for (const needle of needles.get(start) ?? []) {
      if (bytes.length - at >= needle.bytes.length && bytes.compare(needle.bytes, 0, needle.bytes.length, at, at + needle.bytes.length) === 0) found.add(needle.what);
    }
  }
  return [...found];
}

/** The same for all files of a folder, by name and content. @param {string} folder */
export function findSecretsIn(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true }).flatMap((name) => {
    const file = path.join(folder, String(name));
    if (!statSync(file).isFile()) return [];
    return [...findSecrets(String(name)), ...findSecrets(readFileSync(file))].map((what) => `${name}: ${what}`);
  });
}

/**
 * @param {{ output?: string, folders?: (string | undefined)[] }} places what was written to a log; what was stored
 * @throws when one of them holds a secret
 */
export function mustBeSilent({ output = "", folders = [] }) {
  const found = [...findSecrets(output).map((what) => `the log: ${what}`), ...folders.flatMap((folder) => (folder === undefined ? [] : findSecretsIn(folder)))];
  if (found.length > 0) throw new Error(`secrets where none must be:\n${[...new Set(found)].join("\n")}`);
}

/** A text as it may be found. @param {string} text @returns {[string, Buffer][]} */
function formsOf(text) {
  const bytes = Buffer.from(text);
  const percent = [...bytes].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
  /** @type {[string, string][]} */
  const forms = [
    ["as it is", text], ["in JSON", JSON.stringify(text).slice(1, -1)], ["in a URL", encodeURIComponent(text)], ["all percent-encoded", percent], ["all percent-encoded", percent.toUpperCase()],
    ["in hex", bytes.toString("hex")], ["in hex", bytes.toString("hex").toUpperCase()],
  ];
  // Base64 of a text with something before it: from the first group that is all its own to the last.
  for (const before of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(before), bytes]);
    const whole = padded.subarray(before === 0 ? 0 : 3, padded.length - (padded.length % 3));
    forms.push(["in base64", whole.toString("base64")], ["in base64url", whole.toString("base64url")]);
  }
  return forms.map(([form, written]) => [form, Buffer.from(written)]);
}

/** @param {Buffer} bytes @param {string} what */
function look(bytes, what) {
  if (bytes.length < 12) return;
  const start = bytes.readInt32LE(0);
  const same = needles.get(start) ?? [];
  if (same.some((needle) => needle.bytes.equals(bytes))) return;
  needles.set(start, [...same, { bytes, what }]);
  first[Math.imul(start, SPREAD) >>> 10] = 1;
}

// What a simulator in this process is sent, and what it makes.
diagnostics.subscribe("relay-edge-simulator:exchange", (message) => {
  const { request, answer } = /** @type {{ request: import("../../simulator/http.mjs").Request, answer?: import("../../simulator/http.mjs").Answer }} */ (message);
  const sent = (/** @type {string} */ name) => request.headers.get(name)?.[0];
  const [, bearer] = /^Bearer (\S+)$/.exec(sent("authorization") ?? "") ?? [];
  const [, pass] = /^PrivateToken token=(\S+)$/.exec(sent("authorization") ?? "") ?? [];
  secret("API key", bearer);
  secret("pass", pass);
  secret("relay secret", sent("persona-relay-secret"));
  secret("idempotency key", sent("idempotency-key"));
  const body = /** @type {any} */ (answer?.body);
  for (const [kind, name] of [["relay token", "relayToken"], ["relay secret", "relaySecret"], ["session access token", "relaySessionAccessToken"], ["claim", "claimPayload"]]) secret(kind, body?.[name]);
});
