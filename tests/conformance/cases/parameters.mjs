/** What no call could work with: parameters by a PersonaError that names them, options by a TypeError. */
import { CLAIM_TYPE, derOf, keyPair, pemOf, toolsFor } from "../neutral/tools.mjs";

const REDEEM = { relayToken: "relay_x", relaySecret: "secret", privacyPassToken: "cGFzcw" };
const OPTIONS = {
  baseUrl: ["", "not a url", "/api", "ftp://example.com", "http://example.com", "http://127.0.0.1.example.com", "https://user:pass@example.com", "https://example.com/?a=b", "https://example.com#", 5, {}],
  apiKey: ["", "a b", "a\r\nx-y: z", "é", "x".repeat(513), 5, {}],
  personaVersion: ["", "2025", "20250101", " 2025-01-01", "2025-01-0x", 5, {}],
  timeoutMs: [0, -1, 1.5, NaN, Infinity, 600_001, "10000", null, true, 10n],
  maxRetries: [-1, 0.5, 11, NaN, Infinity, "3", null],
  deadlineMs: [0, -1, 1.5, NaN, 3_600_001, "60000", null],
  fetch: [null, 5, "fetch", {}, []],
};

/** @param {import("./index.mjs").Context} context */
export const parameters = (context) => {
  const { library, stores, assert } = context;
  const { failure, offer, silent } = toolsFor(context);

  return {
    "an option that can't be is a TypeError that names it": () => {
      for (const [option, values] of Object.entries(OPTIONS)) {
        for (const value of values) {
          const error = assert.thrown(() => new library.Persona({ [option]: value }), `${option}: ${String(value)}`);
          assert.ok(error instanceof TypeError && !(error instanceof library.PersonaError), `${option}: ${error}`);
          assert.ok(error.message.startsWith(`${option} `), error.message);
        }
      }
      for (const options of [null, 5, "persona_sandbox_x", true]) assert.ok(assert.thrown(() => new library.Persona(options)) instanceof TypeError, String(options));
    },

    "what the options may be": () => {
      for (const options of [
        undefined, {}, { apiKey: undefined, baseUrl: undefined, timeoutMs: undefined, maxRetries: undefined, deadlineMs: undefined, personaVersion: undefined, fetch: undefined },
        { baseUrl: "https://example.com:8443/a/" }, { baseUrl: "http://localhost:8080" }, { baseUrl: "http://127.0.0.1" }, { baseUrl: "http://[::1]:1" },
        { timeoutMs: 1 }, { timeoutMs: 600_000 }, { maxRetries: 0 }, { maxRetries: 10 }, { deadlineMs: 1 }, { deadlineMs: 3_600_000 }, { personaVersion: "2025-10-27" }, { fetch: async () => {} }, { unknown: 5 },
      ]) assert.ok(new library.Persona(options) instanceof library.Persona);
    },

    "a wrong parameter is named as it is spelled, and nothing is sent": async () => {
      const { relays } = silent();
      const { encryptionKeyPem, privateKeyPem } = await keyPair(library);
      const pendingPass = library.blindPrivacyPass(await offer()).pendingPass;
      const offered = await offer();
      const rows = {
        claimType: [...[{}, { claimType: null }, { claimType: "" }, { claimType: "a b" }, { claimType: "a".repeat(129) }].map((params) => () => relays.create(params)), () => relays.issuePrivacyPass({})],
        encryptionKeyPem: [5, "", "x", privateKeyPem, pemOf("PUBLIC KEY", derOf(encryptionKeyPem).slice(1))].map((key) => () => relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem: key })),
        sandbox: [() => relays.create({ claimType: CLAIM_TYPE, sandbox: "yes" }), () => relays.issuePrivacyPass({ claimType: CLAIM_TYPE, sandbox: 1 })],
        relayToken: ["../x", "", "a/b", "a%2fb", "é", 5].flatMap((relayToken) => [() => relays.issuePrivacyPass({ relayToken, relaySecret: "s" }), () => relays.generateClaim({ ...REDEEM, relayToken })]),
        relaySecret: [undefined, "", "a\r\nb", "é", 5].map((relaySecret) => () => relays.generateClaim({ ...REDEEM, relaySecret })),
        privacyPassToken: [undefined, 5, "", "a+b", "YQ=", "A".repeat(65_540)].map((privacyPassToken) => () => relays.generateClaim({ ...REDEEM, privacyPassToken })),
        record: [
          () => relays.generateClaim(REDEEM, {}),
          ...[5, {}, { read: () => undefined }].map((record) => () => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { record })),
        ],
        idempotencySecret: [() => relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { record: new stores.MemoryStore().record("a"), idempotencySecret: 5 })],
        claimPayload: [() => library.parseClaim(5), () => library.decryptClaim(5, "x")],
        privateKeyPem: [() => library.decryptClaim("x", undefined)],
        modulusLength: [0, 1024, 2049, 4104, NaN, "2048", null].map((modulusLength) => () => library.generateEncryptionKeyPair({ modulusLength })),
        relaySessionAccessToken: [undefined, 5, "", "a&b"].map((token) => () => library.hostedFlowUrl(token)),
        theme: ["blue", 5].map((theme) => () => library.hostedFlowUrl("a.b.c", { theme })),
        tokenKey: [() => library.blindPrivacyPass({ ...offered, tokenKey: 5 })],
        wwwAuthenticate: [5, null, [5]].map((wwwAuthenticate) => () => library.blindPrivacyPass({ wwwAuthenticate })),
        pendingPass: [() => library.finalizePrivacyPass({ blindSig: "AAAA" })],
        blindSig: [undefined, 5, "a b"].map((blindSig) => () => library.finalizePrivacyPass({ pendingPass, blindSig })),
        text: [() => library.describePurchase(5), () => library.describeRedemption(undefined)],
      };
      for (const [field, calls] of Object.entries(rows)) {
        for (const call of calls) {
          const error = await failure(async () => call(), `${field}: ${call}`);
          assert.deepEqual([error.code, error.statusCode, error.origin, error.field], ["parameter_invalid", 400, "caller", field], String(call));
          assert.ok(error.details.startsWith(`${field} `), error.details);
        }
      }
    },

    "parameters that are no object: a promise that rejects, never a throw": async () => {
      const { relays } = silent();
      for (const params of [undefined, null, 5, "x", () => {}]) {
        for (const call of Object.values(relays)) {
          const promise = call(params);
          assert.ok(typeof promise?.then === "function");
          assert.equal((await failure(promise)).code, "parameter_invalid", String(params));
        }
      }
    },

    "options of RelayLedger and of the stores that can't be are TypeErrors": () => {
      const store = new stores.MemoryStore();
      const wrong = [
        () => new library.RelayLedger({}), () => new library.RelayLedger(), () => new library.RelayLedger({ store: {} }), () => new library.RelayLedger({ store, idempotencySecret: "short" }),
        () => new library.RelayLedger({ store, retentionSeconds: 0 }), () => new library.RelayLedger({ store, timeoutMs: 0 }), () => new stores.SqliteStore({}), () => store.record(""),
        () => store.record("a", { ttlSeconds: -1 }), () => stores.aesGcmSealer([]), () => stores.aesGcmSealer([{ id: "a", key: new Uint8Array(31) }]),
      ];
      for (const work of wrong) assert.ok(assert.thrown(work, String(work)) instanceof TypeError, String(work));
    },
  };
};
