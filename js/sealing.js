// Sealed texts: `1.<key id>.<base64url of IV, ciphertext and tag>`, AES-256-GCM under a key that HKDF-SHA-256 derives.
// The gateway's worker/seal.ts writes the same form. A random 96-bit IV is safe for 2^32 texts under one key (NIST SP
// 800-38D section 8.3).

const VERSION = "1";
const IV_BYTES = 12;
const KEY_BYTES = 32;
const KEY_ID = /^[A-Za-z0-9_-]{1,64}$/;
const utf8 = new TextEncoder();

export function aesGcmSealer(keys) {
  if (!Array.isArray(keys) || keys.length === 0) throw new TypeError("keys must be an array of at least one { id, key }");
  const derived = keys.map(({ id, key } = {}) => {
    if (typeof id !== "string" || !KEY_ID.test(id)) throw new TypeError("the id of a key must be 1 to 64 letters, digits, - or _");
    if (!(key instanceof Uint8Array) || key.length !== KEY_BYTES) throw new TypeError(`key ${id} must be a Uint8Array of ${KEY_BYTES} bytes`);
    // A copy: the caller may wipe its own.
    return { id, sealing: derive(key.slice()) };
  });
  if (new Set(derived.map(({ id }) => id)).size < derived.length) throw new TypeError("two keys have the same id");
  // Whoever seals first is told; until then a rejection is nobody's.
  for (const { sealing } of derived) sealing.catch(() => {});
  const [first] = derived;

  return Object.freeze({
    async seal(name, text) {
      const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
      const sealed = await crypto.subtle.encrypt(gcm(iv, first.id, name), await first.sealing, utf8.encode(text));
      const whole = new Uint8Array(IV_BYTES + sealed.byteLength);
      whole.set(iv);
      whole.set(new Uint8Array(sealed), IV_BYTES);
      return `${VERSION}.${first.id}.${base64url(whole)}`;
    },
    async open(name, value) {
      const [version, keyId, data, ...rest] = value.split(".");
      const key = derived.find(({ id }) => id === keyId);
      if (version !== VERSION || key === undefined || data === undefined || rest.length > 0) {
        throw new Error("a stored text can't be opened: it has an unknown form, or was sealed under a key that is not here");
      }
      try {
        const whole = fromBase64url(data);
        const opened = await crypto.subtle.decrypt(gcm(whole.subarray(0, IV_BYTES), key.id, name), await key.sealing, whole.subarray(IV_BYTES));
        return new TextDecoder("utf-8", { ignoreBOM: true }).decode(opened);
      } catch {
        throw new Error("a stored text can't be opened: it was altered, moved, or its key was replaced under the same id");
      }
    },
  });
}

async function derive(bytes) {
  const material = await crypto.subtle.importKey("raw", bytes, "HKDF", false, ["deriveKey"]);
  // No salt: the input is uniformly random already (RFC 5869 section 3.1).
  const hkdf = { name: "HKDF", hash: "SHA-256", salt: new Uint8Array(0), info: utf8.encode("relay-edge v1 sealing") };
  return crypto.subtle.deriveKey(hkdf, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** The additional data binds a text to its version, its key and its record. */
function gcm(iv, keyId, name) {
  return { name: "AES-GCM", iv, additionalData: utf8.encode(`${VERSION}\n${keyId}\n${name}`), tagLength: 128 };
}

function base64url(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}
