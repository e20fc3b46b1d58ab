/* @ts-self-types="./ledger.d.ts" */
// The books of a server that is not the gateway: the durable calls over a store. See ledger.d.ts.
import { PersonaError } from "./errors.js";
import { readOptions } from "./options.js";
import { Persona, describePurchase, describeRedemption } from "./persona.js";

/** As long as a pass lives. */
const RETENTION_S = 90 * 24 * 60 * 60;
const LABEL = "relay-edge ledger v1";
const PURCHASE = "purchase";
const REDEMPTION = "redemption";
const describes = { [PURCHASE]: describePurchase, [REDEMPTION]: describeRedemption };
const utf8 = new TextEncoder();

export class RelayLedger {
  #persona;
  #store;
  #secret;
  #ttlSeconds;
  /** The environment of the API key. */
  #sandbox;
  /** What is under way in this process: by record, and by what it was called with besides. */
  #running = new Map();

  constructor(options = {}) {
    const { store, idempotencySecret, retentionSeconds = RETENTION_S } = options;
    if (typeof store?.record !== "function" || typeof store.names !== "function") throw new TypeError("store must be a LedgerStore, such as a SqliteStore");
    if (idempotencySecret !== undefined && (typeof idempotencySecret !== "string" || idempotencySecret.length < 16)) {
      throw new TypeError("idempotencySecret must be a string of 16 characters or more");
    }
    if (!(Number.isFinite(retentionSeconds) && retentionSeconds > 0)) throw new TypeError("retentionSeconds must be a number above 0");
    const config = readOptions(options);
    this.#persona = new Persona(config);
    this.#sandbox = config.apiKey?.startsWith("persona_sandbox_") ?? false;
    this.#store = store;
    this.#secret = idempotencySecret;
    this.#ttlSeconds = retentionSeconds;
  }

  async issuePrivacyPass(params, { allowedAgain = false } = {}) {
    const name = await recordName(PURCHASE, params);
    const { claimType, sandbox, relayToken, relaySecret } = params;
    const which = claimType === undefined ? { relayToken, relaySecret } : { claimType, sandbox: sandbox ?? this.#sandbox };
    return this.#purchase(name, which, { allowedAgain });
  }

  async generateClaim(params) {
    const { relayToken, relaySecret } = params ?? {};
    const name = await recordName(REDEMPTION, { relayToken, relaySecret });
    let { privacyPassToken } = params;
    if (privacyPassToken === undefined && (await this.#read(name)) === undefined) privacyPassToken = await this.#boughtPass(params);
    return this.#redemption(name, { relayToken, relaySecret }, privacyPassToken);
  }

  async describe(which) {
    const described = {};
    for (const kind of which?.relayToken === undefined ? [PURCHASE] : [PURCHASE, REDEMPTION]) {
      const kept = await this.#read(await recordName(kind, which));
      if (kept !== undefined) described[kind] = describes[kind](kept.record);
    }
    return described;
  }

  async reconcile({ minAgeSeconds = 0, concurrency = 4 } = {}) {
    const names = (await this.#store.names()).filter((name) => kindOf(name) !== undefined);
    const report = { records: names.length, driven: 0, failures: [] };
    const next = names.values();
    const drive = async () => {
      for (const name of next) {
        try {
          if (await this.#goOn(name, minAgeSeconds)) report.driven += 1;
        } catch (error) {
          report.failures.push({ name, error });
        }
      }
    };
    await Promise.all(Array.from({ length: Math.max(1, concurrency) }, drive));
    return report;
  }

  async #goOn(name, minAgeSeconds) {
    // Whoever is at it will see to it.
    if (this.#running.has(name)) return false;
    const kept = await this.#read(name);
    if (kept === undefined || this.#running.has(name)) return false;
    const { unsettled, since } = describes[kindOf(name)](kept.record);
    if (!unsettled || Date.now() / 1000 - since < minAgeSeconds) return false;
    if (kindOf(name) === PURCHASE) await this.#purchase(name, kept.which, { byItself: true });
    else await this.#redemption(name, kept.which, undefined, { byItself: true });
    return true;
  }

  #purchase(name, which, why = {}) {
    return this.#join(name, JSON.stringify([why, which]), async () => {
      const idempotencySecret = this.#secret === undefined ? undefined : await hmac(this.#secret, LABEL, name);
      return this.#persona.relays.issuePrivacyPass(which, { record: this.#record(name, which), idempotencySecret, ...why });
    });
  }

  #redemption(name, which, privacyPassToken, why = {}) {
    return this.#join(name, JSON.stringify([why, privacyPassToken]), () =>
      this.#persona.relays.generateClaim({ ...which, privacyPassToken }, { record: this.#record(name, which), ...why }),
    );
  }

  /** The pass that was bought here for a relay. */
  async #boughtPass(relay) {
    const name = await recordName(PURCHASE, relay);
    const kept = await this.#read(name);
    if (kept === undefined || describePurchase(kept.record).state !== "issued") return undefined;
    return (await this.#purchase(name, kept.which)).privacyPassToken;
  }

  /** Has callers of one thing wait for one run of it. */
  async #join(name, variant, work) {
    let runs = this.#running.get(name);
    if (runs === undefined) this.#running.set(name, (runs = new Map()));
    let run = runs.get(variant);
    if (run === undefined) {
      run = work().finally(() => {
        runs.delete(variant);
        if (runs.size === 0) this.#running.delete(name);
      });
      runs.set(variant, run);
    }
    try {
      return { ...(await run) };
    } catch (error) {
      // What #open says travels as the cause of a store that failed.
      throw error?.code === "store_failed" && error.cause instanceof PersonaError ? error.cause : error;
    }
  }

  /** A record of the SDK's, kept together with what the call was made with, so that {@link reconcile} can make it again. */
  #record(name, which) {
    const inner = this.#store.record(name, { ttlSeconds: this.#ttlSeconds });
    return {
      read: async () => {
        const found = await inner.read();
        if (found === undefined || found === null) return undefined;
        const kept = open(found.text);
        if (JSON.stringify(kept.which) !== JSON.stringify(which)) throw otherParameters();
        return { text: kept.record, version: found.version };
      },
      write: async (record, version) => inner.write(JSON.stringify({ v: 1, which, record }), version),
    };
  }

  async #read(name) {
    let found;
    try {
      found = await this.#store.record(name).read();
    } catch (cause) {
      const details = "nothing is lost: call again, and it goes on from what is durable";
      throw new PersonaError({ statusCode: 503, title: "The store can't be used", details, code: "store_failed", origin: "internal", cause });
    }
    return found === undefined || found === null ? undefined : open(found.text);
  }
}

function open(text) {
  try {
    const { v, which, record } = JSON.parse(text);
    if (v === 1 && typeof which === "object" && which !== null && typeof record === "string") return { which, record };
  } catch {
    // Said below.
  }
  const details = "nothing was sent: the record is of another version, or was changed";
  throw new PersonaError({ statusCode: 500, title: "What the store holds can't be read", details, code: "record_invalid", origin: "internal" });
}

function otherParameters() {
  return invalid("claimType", "and sandbox must be what they were when this was first asked for");
}

function invalid(field, problem) {
  return new PersonaError({ statusCode: 400, title: "Invalid parameter", details: `${field} ${problem}`, code: "parameter_invalid", field, origin: "caller" });
}

const kindOf = (name) => [PURCHASE, REDEMPTION].find((kind) => name.startsWith(`${kind}:`));

/**
 * The name of a record says nothing to those who read the store, and is found again with what the caller has: it needs no
 * key of the deployment, which would have to be rotated.
 */
async function recordName(kind, { relayToken, relaySecret, idempotencyKey } = {}) {
  const required = (field, value) => {
    if (typeof value !== "string" || value === "") throw invalid(field, "must be a string that is not empty");
  };
  if (relayToken === undefined && relaySecret === undefined && kind === PURCHASE) {
    required("idempotencyKey", idempotencyKey);
    return `${kind}:${await hmac(idempotencyKey, LABEL, kind, "idempotency key")}`;
  }
  required("relayToken", relayToken);
  required("relaySecret", relaySecret);
  return `${kind}:${await hmac(relaySecret, LABEL, kind, "relay", relayToken)}`;
}

/** HMAC-SHA-256 over texts, each after its length, in hex. */
async function hmac(key, ...texts) {
  const imported = await crypto.subtle.importKey("raw", utf8.encode(key), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const message = texts.map((text) => `${utf8.encode(text).length}:${text}`).join("");
  const mac = await crypto.subtle.sign("HMAC", imported, utf8.encode(message));
  return Array.from(new Uint8Array(mac), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
