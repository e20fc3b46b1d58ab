/* @ts-self-types="./ledger.d.ts" */
// The books of a server that is not the gateway: the durable calls over a store. See ledger.d.ts.
import { PersonaError } from "./errors.js";
import { Persona, describePurchase, describeRedemption, readOptions } from "./persona.js";

/** As long as a pass lives. */
const RETENTION_S = 90 * 24 * 60 * 60;
const LABEL = "relay-edge ledger v1";
const PURCHASE = "purchase";
const REDEMPTION = "redemption";
/** What a purchase is found by. */
const FOUND_BY = ["relayToken", "relaySecret", "idempotencyKey"];
const AGAIN = "call issuePrivacyPass again with the same parameters, and not for another pass";
/** Why there is no pass for a relay, by where its purchase stands. */
const NO_PASS = {
  none: "no pass is bought here yet for this relay: call issuePrivacyPass, or give one",
  sent: `its purchase is under way or in doubt: ${AGAIN}`,
  unknown: `its purchase is in doubt: ${AGAIN}`,
  unusable: `its purchase was billed in vain: ${AGAIN}`,
};
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

  async issuePrivacyPass(params, options = {}) {
    const { claimType, sandbox, ...from } = read(params, "claimType", "sandbox", ...FOUND_BY);
    const { allowedAgain = false } = read(options, "allowedAgain");
    const name = await recordName(PURCHASE, from);
    check("claimType", claimType, "string");
    check("sandbox", sandbox, "boolean");
    check("allowedAgain", allowedAgain, "boolean");
    const { relayToken, relaySecret } = from;
    const which = claimType === undefined ? { relayToken, relaySecret } : { claimType, sandbox: sandbox ?? this.#sandbox };
    return this.#purchase(name, which, { allowedAgain });
  }

  async generateClaim(params) {
    let { privacyPassToken, ...which } = read(params, "privacyPassToken", "relayToken", "relaySecret");
    const name = await recordName(REDEMPTION, which);
    check("privacyPassToken", privacyPassToken, "string");
    if (privacyPassToken === undefined && (await this.#read(name)) === undefined) privacyPassToken = await this.#boughtPass(which);
    return this.#redemption(name, which, privacyPassToken);
  }

  async describe(which) {
    const from = read(which, ...FOUND_BY);
    const described = {};
    for (const kind of from.relayToken === undefined ? [PURCHASE] : [PURCHASE, REDEMPTION]) {
      const kept = await this.#read(await recordName(kind, from));
      if (kept !== undefined) described[kind] = describes[kind](kept.record);
    }
    return described;
  }

  async reconcile(options = {}) {
    const { minAgeSeconds = 0, concurrency = 4 } = read(options, "minAgeSeconds", "concurrency");
    if (!(Number.isFinite(minAgeSeconds) && minAgeSeconds >= 0)) throw invalid("minAgeSeconds", "must be a number, 0 or above");
    if (!(Number.isSafeInteger(concurrency) && concurrency > 0)) throw invalid("concurrency", "must be a whole number above 0");
    const store = this.#store;
    const names = (await fromStore(() => store.names())).filter((name) => kindOf(name) !== undefined);
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
    await Promise.all(Array.from({ length: Math.min(concurrency, names.length) }, drive));
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
    const state = kept === undefined ? "none" : describePurchase(kept.record).state;
    if (state !== "issued") throw invalid("privacyPassToken", `is missing, and ${NO_PASS[state] ?? NO_PASS.none}`);
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
    let inner;
    const record = () => (inner ??= this.#store.record(name, { ttlSeconds: this.#ttlSeconds }));
    return {
      read: async () => {
        const found = await record().read();
        if (found === undefined || found === null) return undefined;
        const kept = open(found.text);
        if (JSON.stringify(kept.which) !== JSON.stringify(which)) throw otherParameters();
        return { text: kept.record, version: found.version };
      },
      write: async (text, version) => record().write(JSON.stringify({ v: 1, which, record: text }), version),
    };
  }

  async #read(name) {
    const found = await fromStore(() => this.#store.record(name).read());
    return found === undefined || found === null ? undefined : open(found.text);
  }
}

async function fromStore(work) {
  try {
    return await work();
  } catch (cause) {
    const details = "nothing is lost: call again, and it goes on from what is durable";
    throw new PersonaError({ statusCode: 503, title: "The store can't be used", details, code: "store_failed", origin: "internal", cause });
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

const invalid = (field, problem) => refused(`${field} ${problem}`, field);

function refused(details, field) {
  return new PersonaError({ statusCode: 400, title: "A parameter is missing or malformed", details, code: "parameter_invalid", field, origin: "caller" });
}

/** Members of an object of parameters, each read once; `null` is as good as nothing, as it is to a `Persona`. */
function read(params, ...names) {
  if (typeof params !== "object" || params === null) throw refused("the parameters must be one object");
  return Object.fromEntries(names.map((name) => [name, params[name] ?? undefined]));
}

/** What the upstream's rules are the module checks; this much is needed to write it down. */
function check(field, value, type) {
  if (value !== undefined && typeof value !== type) throw invalid(field, type === "boolean" ? "must be true or false" : "must be a string");
}

const kindOf = (name) => [PURCHASE, REDEMPTION].find((kind) => name.startsWith(`${kind}:`));

/**
 * The name of a record says nothing to those who read the store, and is found again with what the caller has: it needs no
 * key of the deployment, which would have to be rotated.
 */
async function recordName(kind, { relayToken, relaySecret, idempotencyKey }) {
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
