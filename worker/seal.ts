/**
 * Names and sealed values for the stores (docs/protocol.md, "What is stored").
 *
 * From each store key HKDF-SHA-256 (RFC 5869) derives two: one names entries (HMAC-SHA-256), one seals them
 * (AES-256-GCM). A random 96-bit IV is safe for 2^32 values under one key (NIST SP 800-38D section 8.3).
 */
import type { StoreKey } from "./env.js";

/** What is derived from one store key. */
export interface SealingKey {
  readonly id: string;
  readonly naming: CryptoKey;
  readonly sealing: CryptoKey;
}

/** A stored value could not be opened: altered, moved to another entry, or sealed under a key that is gone. */
export class UnsealError extends Error {
  override readonly name = "UnsealError";
}

/** Derives the keys, in the order given; from the same configuration they are derived once. */
export async function deriveKeys(storeKeys: readonly StoreKey[]): Promise<readonly SealingKey[]> {
  const derived = known.get(storeKeys) ?? (await derive(storeKeys));
  known.set(storeKeys, derived);
  return derived;
}

/** Keys only, never a promise of them: one that belongs to a request which is cancelled would leave others hanging. */
const known = new WeakMap<readonly StoreKey[], readonly SealingKey[]>();

function derive(storeKeys: readonly StoreKey[]): Promise<SealingKey[]> {
  return Promise.all(
    storeKeys.map(async ({ id, bytes }) => {
      const material = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
      return {
        id,
        naming: await crypto.subtle.deriveKey(hkdf("relay-edge v1 naming"), material, HMAC_KEY, false, ["sign"]),
        sealing: await crypto.subtle.deriveKey(hkdf("relay-edge v1 sealing"), material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]),
      };
    }),
  );
}

/** The name of an entry: `label:` and 64 hex characters. Labels keep the names of one relay's entries apart and unlinkable. */
export async function entryName(key: SealingKey, label: string, subject: string): Promise<string> {
  const mac = await crypto.subtle.sign("HMAC", key.naming, utf8.encode(`${label}\0${subject}`));
  return `${label}:${hex(mac)}`;
}

/**
 * The secret that the idempotency keys of purchases follow from, for one deployment. Of its own, so that it may come from
 * another key than the one that seals (`IDEMPOTENCY_KEYS`).
 */
export async function deriveIdempotencySecret(storeKey: StoreKey, subject: string): Promise<string> {
  let key = deriving.get(storeKey);
  if (key === undefined) {
    const material = await crypto.subtle.importKey("raw", storeKey.bytes, "HKDF", false, ["deriveKey"]);
    key = await crypto.subtle.deriveKey(hkdf("relay-edge v1 idempotency"), material, HMAC_KEY, false, ["sign"]);
    deriving.set(storeKey, key);
  }
  return hex(await crypto.subtle.sign("HMAC", key, utf8.encode(subject)));
}

/** Keys only, as {@link known}. */
const deriving = new WeakMap<StoreKey, CryptoKey>();

/** A name that only who knows the secret can find: HMAC-SHA-256 in hex. */
export async function nameUnder(secret: string, label: string, text: string): Promise<string> {
  const key = await crypto.subtle.importKey("raw", utf8.encode(secret), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return hex(await crypto.subtle.sign("HMAC", key, utf8.encode(`${label}\0${text}`)));
}

/** SHA-256 of a text, in hex. */
export async function sha256Hex(text: string): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", utf8.encode(text)));
}

/** Seals a text for one entry: `1.<key id>.<base64url of IV, ciphertext and tag>`. */
export async function seal(key: SealingKey, name: string, text: string): Promise<string> {
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const sealed = await crypto.subtle.encrypt(gcm(iv, key.id, name), key.sealing, utf8.encode(text));
  const whole = new Uint8Array(IV_BYTES + sealed.byteLength);
  whole.set(iv);
  whole.set(new Uint8Array(sealed), IV_BYTES);
  return `${VERSION}.${key.id}.${base64url(whole)}`;
}

/** Opens what {@link seal} made for the same entry under any of the keys. @throws UnsealError */
export async function unseal(keys: readonly SealingKey[], name: string, value: string): Promise<string> {
  const [version, keyId, data, ...rest] = value.split(".");
  const key = keys.find(({ id }) => id === keyId);
  if (version !== VERSION || key === undefined || data === undefined || rest.length > 0) throw new UnsealError("unknown form or key");
  try {
    const whole = fromBase64url(data);
    const iv = whole.subarray(0, IV_BYTES);
    return new TextDecoder().decode(await crypto.subtle.decrypt(gcm(iv, key.id, name), key.sealing, whole.subarray(IV_BYTES)));
  } catch {
    throw new UnsealError("not authentic");
  }
}

/** Whether one of the keys has the id of the one that a value was sealed under. Only {@link unseal} knows whether it opens. */
export function isSealedUnder(keys: readonly SealingKey[], value: string): boolean {
  return keys.some(({ id }) => value.startsWith(`${VERSION}.${id}.`));
}

/** Lower-case hex. */
export function hex(bytes: ArrayBuffer): string {
  const view: Encodable = new Uint8Array(bytes);
  return view.toHex?.() ?? Array.from(view, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const HMAC_KEY = { name: "HMAC", hash: "SHA-256", length: 256 } as const;

const VERSION = "1";
const IV_BYTES = 12;
const utf8 = new TextEncoder();

function hkdf(info: string) {
  // No salt: the input is uniformly random already (RFC 5869 section 3.1).
  return { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8.encode(info) };
}

/** The additional data binds a value to its version, its key and its place. None of the three can contain a line break. */
function gcm(iv: Uint8Array<ArrayBuffer>, keyId: string, name: string) {
  return { name: "AES-GCM", iv, additionalData: utf8.encode(`${VERSION}\n${keyId}\n${name}`), tagLength: 128 };
}

/** What newer runtimes do by themselves (tc39.es/proposal-arraybuffer-base64), several times as fast. */
interface Encodable extends Uint8Array<ArrayBuffer> {
  toHex?(): string;
  toBase64?(options: typeof BASE64URL): string;
}

const BASE64URL = { alphabet: "base64url", omitPadding: true } as const;
const { fromBase64 } = Uint8Array as unknown as { fromBase64?(text: string, options: typeof BASE64URL): Uint8Array<ArrayBuffer> };

function base64url(bytes: Encodable): string {
  if (bytes.toBase64 !== undefined) return bytes.toBase64(BASE64URL);
  let text = "";
  // In parts, for a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text)
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  if (fromBase64 !== undefined) return fromBase64.call(Uint8Array, text, BASE64URL);
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
