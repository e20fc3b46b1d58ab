/**
 * The issuer: one RSA key per claim type and environment, blind signatures, verification of passes.
 * Every RSA operation is OpenSSL's, through node:crypto.
 */
import crypto from 'node:crypto';
import { promisify } from 'node:util';

const generateKeyPair = promisify(crypto.generateKeyPair);

/** Salt of RSABSSA-SHA384-PSS (RFC 9474 section 5), bytes. */
const SALT_BYTES = 48;

/** Makes keys when they are first asked for and remembers them, retired ones too, for the issuer's lifetime. */
export class Issuer {
  /** @type {Map<string, Promise<IssuerKey>>} in-flight generation is shared */
  #current = new Map();
  /** @type {Map<string, IssuerKey>} by key id */
  #known = new Map();
  #options;

  /** @param {{ modulusLength: number, spki: 'rsaEncryption' | 'rsassaPss', keyIdFormat: 'base64url' | 'hex' }} options */
  constructor(options) {
    this.#options = options;
  }

  /**
   * The key that signs now.
   * @param {string} claimType
   * @param {string} environment
   * @returns {Promise<IssuerKey>}
   */
  current(claimType, environment) {
    const slot = slotName(claimType, environment);
    const known = this.#current.get(slot);
    if (known) return known;
    const made = this.#make(claimType, environment);
    this.#current.set(slot, made);
    made.catch(() => this.#current.delete(slot));
    return made;
  }

  /**
   * A key by its id, retired or not.
   * @param {string} keyId
   */
  find(keyId) {
    return this.#known.get(keyId);
  }

  /**
   * Puts a new key in place. **[assumed]** The old one signs no more, but passes it has signed stay good until
   * they expire: they were paid for, and the buyer cannot see a rotation coming. Who asks for a key meanwhile gets
   * the new one.
   * @param {string} claimType
   * @param {string} environment
   */
  async rotate(claimType, environment) {
    const slot = slotName(claimType, environment);
    const before = this.#current.get(slot);
    const made = this.#make(claimType, environment).then(async (fresh) => {
      const old = await before;
      if (old) old.retired = true;
      return fresh;
    });
    this.#current.set(slot, made);
    made.catch(() => this.#current.delete(slot));
    return made;
  }

  /**
   * A key beside the current one, for those that are to be told apart by it. It signs and redeems as the current one does.
   * @param {IssuerKey} current
   * @param {string} whose the same gets the same key
   */
  beside({ claimType, environment }, whose) {
    const slot = `${slotName(claimType, environment)}/${whose}`;
    const known = this.#current.get(slot) ?? this.#make(claimType, environment);
    this.#current.set(slot, known);
    return known;
  }

  /**
   * A key under an id that is not its own.
   * @param {IssuerKey} key
   * @param {string} keyId that of no other key
   */
  rename(key, keyId) {
    const renamed = key.under(keyId);
    this.#known.set(keyId, renamed);
    return renamed;
  }

  /** @param {string} claimType @param {string} environment */
  async #make(claimType, environment) {
    const { modulusLength, spki, keyIdFormat } = this.#options;
    // Always generated as a plain RSA key: OpenSSL refuses the raw operation on keys marked RSASSA-PSS.
    const { privateKey } = await generateKeyPair('rsa', { modulusLength });
    const key = new IssuerKey({ claimType, environment, privateKey, spki, keyIdFormat });
    this.#known.set(key.keyId, key);
    return key;
  }
}

/** One issuer key. The private half is a private field: nothing that prints or serialises this object shows it. */
export class IssuerKey {
  #privateKey;
  #publicKey;
  #parts;

  /**
   * @param {{ claimType: string, environment: string, privateKey: crypto.KeyObject, spki: string,
   *   keyIdFormat: 'base64url' | 'hex', keyId?: string }} parts
   */
  constructor(parts) {
    const { claimType, environment, privateKey, spki, keyIdFormat, keyId } = parts;
    this.#parts = parts;
    this.claimType = claimType;
    this.environment = environment;
    this.retired = false;
    this.#privateKey = privateKey;
    const plain = crypto.createPublicKey(privateKey);
    /** DER SubjectPublicKeyInfo, what `token-key` carries. */
    this.tokenKey =
      spki === 'rsassaPss'
        ? rsassaPssSpki(plain.export({ format: 'der', type: 'pkcs1' }))
        : plain.export({ format: 'der', type: 'spki' });
    // Read back from the DER that callers get, so that OpenSSL has judged it too.
    this.#publicKey = crypto.createPublicKey({ key: this.tokenKey, format: 'der', type: 'spki' });
    /** **[assumed]** SHA-256 of the DER; callers must treat it as opaque (docs/protocol.md section 1.2). */
    this.keyId = keyId ?? crypto.createHash('sha256').update(this.tokenKey).digest(keyIdFormat);
    const jwk = plain.export({ format: 'jwk' });
    this.modulusBytes = Buffer.from(/** @type {string} */ (jwk.n), 'base64url').length;
    this.modulus = BigInt(`0x${Buffer.from(/** @type {string} */ (jwk.n), 'base64url').toString('hex')}`);
  }

  /** The same key by another name. @param {string} keyId */
  under(keyId) {
    return new IssuerKey({ ...this.#parts, keyId });
  }

  /**
   * Whether `blinded` is a canonical representative: exactly as long as the modulus, and below it.
   * @param {Buffer} blinded
   */
  accepts(blinded) {
    return blinded.length === this.modulusBytes && BigInt(`0x${blinded.toString('hex')}`) < this.modulus;
  }

  /**
   * BlindSign (RFC 9474 section 4.3): the raw RSA private operation.
   * @param {Buffer} blinded must satisfy {@link accepts}
   * @returns {Buffer} exactly as long as the modulus
   */
  blindSign(blinded) {
    return crypto.privateDecrypt(
      { key: this.#privateKey, padding: crypto.constants.RSA_NO_PADDING },
      blinded,
    );
  }

  /**
   * RSASSA-PSS-VERIFY with SHA-384, MGF1-SHA-384 and a salt of exactly 48 bytes.
   * @param {Buffer} message
   * @param {Buffer} signature
   */
  verify(message, signature) {
    return crypto.verify(
      'sha384',
      message,
      { key: this.#publicKey, padding: crypto.constants.RSA_PKCS1_PSS_PADDING, saltLength: SALT_BYTES },
      signature,
    );
  }
}

/** @param {string} claimType @param {string} environment */
function slotName(claimType, environment) {
  return `${environment}/${claimType}`;
}

/**
 * AlgorithmIdentifier id-RSASSA-PSS with SHA-384, MGF1-SHA-384, salt 48 (RFC 4055 section 3.1; the encoding is
 * the one RFC 9578 section 6.5 gives for a token key).
 */
const RSASSA_PSS_ALGORITHM = Buffer.from(
  '303d' + '06092a864886f70d01010a' + // id-RSASSA-PSS
    '3030' +
    'a00d' + '300b' + '0609608648016503040202' + // [0] hashAlgorithm SHA-384
    'a11a' + '3018' + '06092a864886f70d010108' + '300b' + '0609608648016503040202' + // [1] MGF1 with SHA-384
    'a203' + '020130', // [2] saltLength 48
  'hex',
);

/** @param {Buffer} pkcs1 DER RSAPublicKey */
function rsassaPssSpki(pkcs1) {
  const bits = der(0x03, Buffer.concat([Buffer.of(0), pkcs1]));
  return der(0x30, Buffer.concat([RSASSA_PSS_ALGORITHM, bits]));
}

/** @param {number} tag @param {Buffer} content */
function der(tag, content) {
  if (content.length < 0x80) return Buffer.concat([Buffer.of(tag, content.length), content]);
  const length = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, content]);
}
