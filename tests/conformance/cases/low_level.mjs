/** The steps for those who bring their own HTTP. */
import { CLAIM_TYPE, challengeHeader, fromBase64url, fromUtf8, inSeconds, toBase64url, toolsFor, utf8 } from "../neutral/tools.mjs";
import { PRODUCTION_KEY } from "../neutral/upstream.mjs";

/** @param {import("./index.mjs").Context} context */
export const lowLevel = (context) => {
  const { library, upstream, assert } = context;
  const { client, failure, offer } = toolsFor(context);
  let bought = 0;

  const askByClaimType = async () => {
    const answer = await (await upstream.post("/api/privacy/v1/relays/challenge", {}, { "claim-type": CLAIM_TYPE })).json();
    return { challenge: answer.challenge, tokenKey: answer["token-key"], tokenKeyId: answer["token-key-id"] };
  };
  const buy = async ({ blindedToken, keyId }) => {
    const headers = { authorization: `Bearer ${PRODUCTION_KEY}`, "idempotency-key": `low-level-${(bought += 1)}` };
    return (await (await upstream.post("/api/v1/privacy-passes", headers, { "blinded-token": blindedToken, "key-id": keyId })).json())["blind-sig"];
  };
  async function spend(relay, pass) {
    await upstream.complete(relay.relayToken);
    assert.equal((await client().relays.generateClaim({ ...relay, ...pass })).tokenConsumed, true);
  }

  return {
    "blind and finalize: a pass from the JSON answer, the challenge in it to the letter": async () => {
      const input = await askByClaimType();
      const blinded = library.blindPrivacyPass(input);
      assert.deepEqual(Object.keys(blinded).sort(), ["blindedToken", "keyId", "pendingPass"]);
      assert.match(blinded.blindedToken, /^[A-Za-z0-9_-]{342}$/);
      const pass = library.finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig: await buy(blinded) });
      const raw = fromUtf8(fromBase64url(input.challenge)).trim();
      assert.ok(fromUtf8(fromBase64url(pass.privacyPassToken)).endsWith(`"challenge":${raw}}`));
      await spend(await client().relays.create({ claimType: CLAIM_TYPE }), pass);
    },

    "blind and finalize: a pass from WWW-Authenticate headers, among other schemes": async () => {
      const relay = await client().relays.create({ claimType: CLAIM_TYPE });
      const refused = await upstream.post(`/api/privacy/v1/relays/${relay.relayToken}/generate-claim`, { "persona-relay-secret": relay.relaySecret }, {});
      assert.equal(refused.status, 401);
      const header = refused.headers.get("www-authenticate");
      for (const wwwAuthenticate of [header, [header], `Basic realm="a, PrivateToken challenge=\\"x\\"", Negotiate abc==,, ${header}, unknown="1"`, ["Digest a=b", '"', header]]) {
        const blinded = library.blindPrivacyPass({ wwwAuthenticate });
        const pass = library.finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig: await buy(blinded) });
        if (wwwAuthenticate === header) await spend(relay, pass);
      }
    },

    "blind and finalize: each blinding is another, and takes no other's signature": async () => {
      const input = await askByClaimType();
      const [one, two] = [library.blindPrivacyPass(input), library.blindPrivacyPass(input)];
      assert.notEqual(one.blindedToken, two.blindedToken);
      assert.notEqual(one.pendingPass, two.pendingPass);
      const blindSig = await buy(one);
      const passes = [blindSig, `${blindSig}==`].map((signature) => library.finalizePrivacyPass({ pendingPass: one.pendingPass, blindSig: signature }).privacyPassToken);
      assert.equal(passes[0], passes[1]);
      const error = await failure(async () => library.finalizePrivacyPass({ pendingPass: two.pendingPass, blindSig }));
      assert.deepEqual([error.code, error.statusCode, error.origin], ["blind_signature_invalid", 502, "upstream"]);
    },

    "blindPrivacyPass refuses challenges and keys that fail a check": async () => {
      const spki = fromBase64url((await offer()).tokenKey);
      const rows = [
        ...["", "null", "[]", "{}", '{"mac":""}', '{"mac":"a","mac":"b"}', '{"mac":"m","token_type":1}'].map((raw) => ["challenge_invalid", { raw }]),
        ["challenge_expired", { challenge: { expires_at: inSeconds(-3600) } }],
        ...[spki.slice(0, -1), Uint8Array.of(...spki, 0), new Uint8Array(294), utf8("no key")].map((der) => ["issuer_key_invalid", { tokenKey: toBase64url(der) }]),
      ];
      for (const [code, odd] of rows) {
        const offered = await offer(odd);
        for (const input of [offered, { wwwAuthenticate: challengeHeader(offered) }]) {
          const error = await failure(async () => library.blindPrivacyPass(input), code);
          assert.deepEqual([error.code, error.statusCode, error.origin], [code, 502, "upstream"], JSON.stringify(odd));
        }
      }
      for (const wwwAuthenticate of ["", [], "Basic", "PrivateToken", 'PrivateToken challenge="e30"']) {
        assert.equal((await failure(async () => library.blindPrivacyPass({ wwwAuthenticate }))).code, "challenge_invalid");
      }
    },

    "finalizePrivacyPass refuses pending passes that were tampered with": async () => {
      const input = await askByClaimType();
      const blinded = library.blindPrivacyPass(input);
      const blindSig = await buy(blinded);
      const pending = JSON.parse(fromUtf8(fromBase64url(blinded.pendingPass)));
      const encode = (members) => toBase64url(utf8(JSON.stringify({ ...pending, ...members })));
      const code = async (pendingPass) => (await failure(async () => library.finalizePrivacyPass({ pendingPass, blindSig }))).code;
      for (const pendingPass of ["", "eA", `${blinded.pendingPass}A`, encode({ v: 2 }), encode({ nonce: "00" }), encode({ inverse: "AAAA" }), encode({ token_key: "" })]) {
        assert.equal(await code(pendingPass), "pending_pass_invalid");
      }
      const other = JSON.parse(fromUtf8(fromBase64url(library.blindPrivacyPass(input).pendingPass)));
      for (const member of ["nonce", "inverse"]) assert.equal(await code(encode({ [member]: other[member] })), "blind_signature_invalid", member);
    },
  };
};
