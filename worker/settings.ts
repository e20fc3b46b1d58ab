/** The forms of the settings: each text parsed or refused. What they mean: docs/deploying.md. */
import { Persona } from "../pkg/workerd.js";
import type { GatewayToken, StoreKey } from "./env.js";
import type { PurchasesPerDay } from "./purchase_limit.js";

/** What is wrong with a value and how to mend it, as the rest of a sentence that starts with the binding's name. */
export class Mend extends Error {}

export function parseBaseUrl(value: string): string {
  const mend = new Mend("must be an https: URL without user, query and fragment (http: on loopback only)");
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    throw mend;
  }
  const loopback = ["localhost", "127.0.0.1", "[::1]"].includes(url.hostname);
  if (url.protocol !== "https:" && !(url.protocol === "http:" && loopback)) throw mend;
  if (/[\s\\?#@]/.test(value)) throw mend;
  try {
    new Persona({ baseUrl: value });
  } catch {
    throw mend;
  }
  return value;
}

export function parseVersion(value: string): string {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(value) ? new Date(`${value}T00:00:00Z`) : undefined;
  // A day that no month has becomes NaN or another day.
  if (time === undefined || Number.isNaN(time.getTime()) || time.toISOString().slice(0, 10) !== value) {
    throw new Mend("must be a date, YYYY-MM-DD");
  }
  return value;
}

export function parseBoolean(value: string): boolean {
  if (value !== "true" && value !== "false") throw new Mend("must be true or false");
  return value === "true";
}

export function parseApiKey(value: string): string {
  if (!/^[\x21-\x7e]{1,512}$/.test(value)) throw new Mend("must be 1 to 512 visible ASCII characters, without spaces");
  return value;
}

export function parseGatewayTokens(value: string): GatewayToken[] {
  const tokens = pairs(value).map(([id, token], index) => {
    if (!/^[\x21-\x7e]{32,512}$/.test(token)) {
      throw new Mend(`entry ${index + 1}: the token must be 32 to 512 visible ASCII characters, without spaces and commas`);
    }
    return { id, token };
  });
  if (new Set(tokens.map(({ token }) => token)).size < tokens.length) throw new Mend("has one token twice: each must differ");
  for (const { id } of tokens) {
    if (tokens.filter((other) => other.id === id).length > 2) throw new Mend("has more than two tokens for one id");
  }
  return tokens;
}

export function parseKeys(value: string): [StoreKey, ...StoreKey[]] {
  const seen = new Set<string>();
  const keys = pairs(value).map(([id, base64], index): StoreKey => {
    if (!/^[A-Za-z0-9+/]{43}=$/.test(base64)) throw new Mend(`entry ${index + 1}: the key must be 32 bytes in standard base64`);
    const binary = atob(base64);
    // The last character carries two bits that must be zero, or two texts would be one key.
    if (btoa(binary) !== base64) throw new Mend(`entry ${index + 1}: the key is not canonical base64`);
    if (seen.has(id) || seen.has(base64)) throw new Mend(`entry ${index + 1}: each id and each key may appear once`);
    seen.add(id).add(base64);
    return { id, bytes: Uint8Array.from(binary, (char) => char.charCodeAt(0)) };
  });
  return keys as [StoreKey, ...StoreKey[]]; // split() never answers an empty list
}

/** The issuer of a team's JWTs. */
export function parseAccessTeam(value: string): string {
  if (/^(?:localhost|127\.0\.0\.1):\d{1,5}$/.test(value)) return `http://${value}`;
  if (!/^(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63}$/.test(value)) throw new Mend("must be the team's domain alone, such as acme.cloudflareaccess.com, without https://");
  return `https://${value}`;
}

export function parseAccessAudience(value: string): string {
  if (!/^[A-Za-z0-9_-]{16,128}$/.test(value)) throw new Mend("must be the AUD tag of the Access application");
  return value;
}

/** `100` for every caller, or `shop:100,bank:50,*:20`, where `*` is whoever else calls. */
export function parsePurchasesPerDay(value: string): PurchasesPerDay {
  if (/^\d+$/.test(value)) return { byCaller: new Map(), others: parseCount(value) };
  const byCaller = new Map<string, number>();
  value.split(",").forEach((entry, index) => {
    const [, caller, count] = /^(.*):(\d+)$/.exec(entry) ?? [];
    if (caller === undefined || count === undefined || (caller !== "*" && !CALLER.test(caller))) {
      throw new Mend(`entry ${index + 1}: must be a number, or caller:number, the caller an id or * for all others`);
    }
    if (byCaller.has(caller)) throw new Mend(`entry ${index + 1}: each caller may appear once`);
    byCaller.set(caller, parseCount(count));
  });
  const others = byCaller.get("*");
  byCaller.delete("*");
  return { byCaller, others };
}

function parseCount(digits: string): number {
  if (!/^\d{1,9}$/.test(digits)) throw new Mend("must have numbers from 0 to 999999999");
  return Number(digits);
}

/** The id of a gateway token. */
const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Whether it can be the id of a caller that the configuration names. */
export function isCallerId(text: string): boolean {
  return ID.test(text);
}

/** The id of a caller, however it is known: see access.ts. */
const CALLER = /^(?:[A-Za-z0-9_-]{1,64}|access:(?:person|service):[A-Za-z0-9_.#-]{1,64})$/;

/** `id:value,id:value`, each cut at its first colon. */
function pairs(list: string): [id: string, value: string][] {
  return list.split(",").map((entry, index) => {
    const colon = entry.indexOf(":");
    const id = entry.slice(0, Math.max(colon, 0));
    if (!ID.test(id)) throw new Mend(`entry ${index + 1}: must be id:value, the id 1 to 64 of A-Z a-z 0-9 _ -`);
    return [id, entry.slice(colon + 1)];
  });
}
