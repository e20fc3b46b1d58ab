/** Every code of the library, by whose fault it is, and that an error says what there is to say and no secret. */
import { CLAIM_TYPE, GIANT, RELAY, challengeAnswer, encrypt, inSeconds, keyPair, kept, scripted, toBase64, toBase64url, toolsFor, utf8 } from "../neutral/tools.mjs";

const PURCHASE_PATH = "/api/v1/privacy-passes";
const REDEEM = { relayToken: "relay_x", relaySecret: "MARK-relay-secret-MARK", privacyPassToken: "MARKpassMARK" };
/** A purchase of which nobody knows whether it was billed, too old to be sent again; and a pass whose claim is lost. */
const sent = { pending_pass: "AAAA", idempotency_key: "k", first_sent_at: 1, in_flight: false, in_doubt: true, first_5xx_at: null, sends: 0 };
export const UNKNOWN = JSON.stringify({ v: 1, attempt: 0, state: { unknown: { since: 2, sent } } });
export const LOST = JSON.stringify({ v: 1, pass: REDEEM.privacyPassToken, state: { lost: { since: 1 } } });

/** Every ErrorCode of index.d.ts, by origin; conformance/codes.test.mjs compares the two. */
export const CODES = {
  caller: ["parameter_invalid", "api_key_missing", "claim_invalid", "claim_decryption_failed", "private_key_invalid", "pending_pass_invalid", "purchase_not_in_doubt"],
  upstream: [
    "upstream_rejected", "upstream_unauthorized", "upstream_not_found", "pass_already_spent", "upstream_conflict", "claim_not_ready", "upstream_rate_limited", "upstream_unavailable",
    "upstream_redirected", "upstream_answer_invalid", "challenge_invalid", "challenge_expired", "issuer_key_invalid", "issuer_key_mismatch", "blind_signature_invalid", "purchase_unknown", "claim_lost",
  ],
  transport: ["transport_failed", "timeout"],
  internal: ["store_failed", "record_invalid", "internal"],
};

/** @param {import("./index.mjs").Context} context */
export const errors = (context) => {
  const { library, upstream, assert } = context;
  const { client, failure, offer, silent } = toolsFor(context);

  const answering = (react, options) => new library.Persona({ apiKey: "persona_production_x", maxRetries: 0, ...scripted(react), ...options }).relays;
  const create = (relays) => relays.create({ claimType: CLAIM_TYPE });
  const redeem = (relays) => relays.generateClaim(REDEEM);
  const status = (status, headers) => answering(() => ({ status, headers }));
  /** Buys with an offer; the purchase is answered by `bought`. */
  const buy = async (odd, bought = { status: 500 }) => {
    const offered = await offer(odd);
    return answering((path) => (path === PURCHASE_PATH ? bought : challengeAnswer(offered))).issuePrivacyPass({ claimType: CLAIM_TYPE });
  };
  const signature = { body: { "blind-sig": toBase64url(new Uint8Array(256).fill(1)) } };
  const broken = () => {
    throw new Error("the disk is full");
  };

  /** Each row: the code, its status, a way to it. All codes of the origin must have come. */
  async function check(origin, rows) {
    assert.deepEqual([...new Set(rows.map(([code]) => code))].sort(), [...CODES[origin]].sort());
    for (const [code, statusCode, way] of rows) {
      const error = await failure(async () => way(), `${code}: ${way}`);
      assert.deepEqual([error.code, error.statusCode, error.origin, error.name], [code, statusCode, origin, "PersonaError"], String(way));
      assert.ok(error instanceof Error && error instanceof library.PersonaError);
      assert.ok(typeof error.title === "string" && error.title !== "", "a title");
      assert.equal(error.message, error.details === undefined ? error.title : `${error.title}: ${error.details}`);
    }
  }

  return {
    "the codes of the caller's faults": async () => {
      const { encryptionKeyPem, privateKeyPem } = await keyPair(library);
      await check("caller", [
        ["parameter_invalid", 400, () => silent().relays.create({})],
        ["api_key_missing", 401, () => silent({ apiKey: undefined }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE })],
        ["claim_invalid", 400, () => library.parseClaim("{}")],
        ["claim_decryption_failed", 400, () => library.decryptClaim(toBase64(new Uint8Array(256).fill(1)), privateKeyPem)],
        ["private_key_invalid", 400, async () => library.decryptClaim(await encrypt("{}", encryptionKeyPem, "SHA-1"), "key")],
        ["pending_pass_invalid", 400, () => library.finalizePrivacyPass({ pendingPass: "eA", blindSig: "AAAA" })],
        ["purchase_not_in_doubt", 409, () => silent().relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, { record: { read: () => undefined, write: () => 1 }, allowedAgain: true })],
      ]);
    },

    "the codes of the upstream's faults": async () => {
      await check("upstream", [
        ...[400, 403, 422, 418].map((code) => ["upstream_rejected", code, () => create(status(code))]),
        ["upstream_unauthorized", 401, () => create(status(401))],
        ...[401, 403].map((code) => ["upstream_unauthorized", code, () => buy({}, { status: code })]),
        ["upstream_not_found", 404, () => redeem(status(404))],
        ["pass_already_spent", 409, () => redeem(status(409))],
        ["upstream_conflict", 409, () => create(status(409))],
        ["claim_not_ready", 403, () => redeem(status(403))],
        ...[429, 425].map((code) => ["upstream_rate_limited", code, () => create(status(code))]),
        ...[500, 503, 599, 408].map((code) => ["upstream_unavailable", code, () => redeem(status(code))]),
        ["upstream_redirected", 302, () => redeem(status(302, { location: "https://example.org/" }))],
        ["upstream_answer_invalid", 502, () => create(status(200))],
        ["upstream_answer_invalid", 502, () => redeem(answering(() => ({ body: "<html>" })))],
        ["challenge_invalid", 502, () => buy({ challenge: { mac: "" } })],
        ["challenge_invalid", 502, () => status(401).issuePrivacyPass({ relayToken: "relay_x", relaySecret: "s" })],
        ["challenge_expired", 502, () => buy({ challenge: { expires_at: inSeconds(-3600) } })],
        ["issuer_key_invalid", 502, () => buy({ tokenKey: toBase64url(utf8("no key")) })],
        ["issuer_key_mismatch", 502, () => buy({ tokenKeyId: "0".repeat(64) })],
        ["blind_signature_invalid", 502, () => buy({}, signature)],
        ["purchase_unknown", 502, () => silent().relays.issuePrivacyPass({ claimType: CLAIM_TYPE }, kept(UNKNOWN))],
        ["claim_lost", 410, () => silent().relays.generateClaim(REDEEM, kept(LOST))],
      ]);
    },

    "the codes of what fails between": async () => {
      await check("transport", [
        ["transport_failed", 502, () => create(answering(() => Promise.reject(new Error("gone"))))],
        ["timeout", 504, () => create(answering(() => new Promise(() => {}), { timeoutMs: 50 }))],
      ]);
    },

    "the codes of the store's faults and of ours": async () => {
      const relays = () => silent().relays;
      await check("internal", [
        ["store_failed", 503, () => relays().generateClaim(REDEEM, { record: { read: broken, write: broken } })],
        ["store_failed", 503, () => relays().generateClaim(REDEEM, { record: { read: () => undefined, write: async () => broken() } })],
        ["record_invalid", 500, () => relays().issuePrivacyPass({ claimType: CLAIM_TYPE }, kept("x"))],
        ["record_invalid", 500, () => relays().generateClaim(REDEEM, kept(UNKNOWN))],
        ["record_invalid", 500, () => library.describePurchase(LOST)],
        ["record_invalid", 500, () => library.describeRedemption("{")],
        ["internal", 500, () => library.parseClaim("x".repeat(GIANT))],
      ]);
    },

    "what the upstream says is passed on": async () => {
      const upstreams = [{ title: "Nope", details: "because", code: "their_code", meta: { a: [1, { b: null }] } }, { title: "second" }];
      const error = await failure(create(answering(() => ({ status: 422, headers: { "request-id": "req_1", "retry-after": "7" }, body: { errors: upstreams } }))));
      const { title, details, code, meta, requestId, retryAfter, statusCode, message } = error;
      assert.deepEqual({ title, details, code, meta, requestId, retryAfter, statusCode, message }, { ...upstreams[0], requestId: "req_1", retryAfter: 7, statusCode: 422, message: "Nope: because" });
      for (const body of ["", "null", "[]", "{}", '{"errors":null}', '{"errors":[5]}', "<html>", '{"errors":[{"meta":{"__proto__":{"polluted":1}}}]}']) {
        const odd = await failure(create(answering(() => ({ status: 422, body }))), body);
        assert.deepEqual([odd.statusCode, odd.code], [422, "upstream_rejected"], body);
      }
      assert.equal({}.polluted, undefined);
    },

    "what the simulator refuses: a wrong secret, a wrong key, a relay that is not there": async () => {
      const { relayToken, relaySecret } = await client().relays.create({ claimType: CLAIM_TYPE });
      const pass = { privacyPassToken: "cGFzcw" };
      const rows = [
        [404, () => client().relays.generateClaim({ relayToken, relaySecret: "wrong", ...pass })],
        [404, () => client().relays.issuePrivacyPass({ relayToken, relaySecret: "wrong" })],
        [404, () => client().relays.generateClaim({ relayToken: "relay_none", relaySecret, ...pass })],
        [401, () => client({ apiKey: "persona_production_wrong" }).relays.issuePrivacyPass({ claimType: CLAIM_TYPE })],
      ];
      for (const [statusCode, way] of rows) {
        const error = await failure(way, String(way));
        assert.deepEqual([error.statusCode, error.origin], [statusCode, "upstream"], String(way));
        assert.match(error.requestId, /^req_/);
        assert.ok(typeof error.code === "string" && error.details !== undefined, "the upstream's own words");
      }
      assert.equal((await upstream.ledger()).billed.total, 0);
    },

    "no secret is in an error": async () => {
      const { encryptionKeyPem, privateKeyPem } = await keyPair(library);
      const marks = ["MARK", privateKeyPem.split("\n")[5]];
      const options = { apiKey: "persona_production_MARKapikeyMARK", timeoutMs: 50 };
      const bad = "MARK é\r\n MARK";
      const reactions = [400, 401, 404, 422, 429, 500].map((code) => () => ({ status: code })).concat([() => ({ body: "{" }), () => new Promise(() => {}), () => Promise.reject(new TypeError("gone"))]);
      const ways = [
        ...reactions.flatMap((react) => [
          () => redeem(answering(react, options)),
          () => answering(react, options).issuePrivacyPass({ relayToken: "relay_x", relaySecret: REDEEM.relaySecret }),
          async () => {
            const offered = await offer();
            return answering((path) => (path === PURCHASE_PATH ? react() : challengeAnswer(offered)), options).issuePrivacyPass({ claimType: CLAIM_TYPE });
          },
        ]),
        ...["relayToken", "relaySecret", "privacyPassToken"].map((name) => () => silent(options).relays.generateClaim({ ...REDEEM, [name]: bad })),
        () => library.parseClaim('{"claim_type": "MARK"'),
        () => library.hostedFlowUrl(bad),
        () => library.decryptClaim("TUFSSw==", privateKeyPem),
        async () => library.decryptClaim(await encrypt("MARK", (await library.generateEncryptionKeyPair()).encryptionKeyPem, "SHA-1"), privateKeyPem),
        () => silent().relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem: encryptionKeyPem.replaceAll("PUBLIC", "MARK") }),
        () => new library.Persona({ apiKey: "MARK\r\n" }),
        () => new library.Persona({ baseUrl: "https://MARK:MARK@example.com" }),
      ];
      for (const way of ways) {
        let error;
        try {
          await way();
        } catch (caught) {
          error = caught;
        }
        assert.ok(error instanceof Error, `it did not fail: ${way}`);
        for (let at = error; at instanceof Error; at = at.cause) {
          const all = [at.message, at.stack, JSON.stringify(at), JSON.stringify(Object.getOwnPropertyDescriptors(at))].join("\n");
          for (const mark of marks) assert.ok(!all.includes(mark), `${way} tells ${all}`);
        }
      }
    },

    "an answer after a create that fits is read, one that names another path is refused": async () => {
      assert.equal((await create(answering(() => ({ body: RELAY })))).relayToken, "relay_x");
      for (const odd of [{ "relay-token": "../../v1" }, { "relay-token": 5 }, { "relay-secret": "a\r\nb: c" }, { "relay-session-access-token": undefined }]) {
        assert.equal((await failure(create(answering(() => ({ body: { ...RELAY, ...odd } }))))).code, "upstream_answer_invalid", JSON.stringify(odd));
      }
    },
  };
};
