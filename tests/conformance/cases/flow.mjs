/** A relay from creation to claim, in every form that the contract has. */
import { CLAIM_TYPE, keyPair, toolsFor } from "../neutral/tools.mjs";
import { PRODUCTION_KEY, SANDBOX_KEY } from "../neutral/upstream.mjs";

const ENVIRONMENTS = { production: { apiKey: PRODUCTION_KEY, params: {} }, sandbox: { apiKey: SANDBOX_KEY, params: { sandbox: true } } };
const METHODOLOGY = [{ method: "document_selfie", result: "passed" }];

/** @param {import("./index.mjs").Context} context */
export const flow = (context) => {
  const { library, upstream, assert } = context;
  const { client, failure, readyRelay } = toolsFor(context);

  async function wholeFlow({ apiKey, params }, form, encryptionKeyPem = null) {
    const { relays } = client({ apiKey });
    const relay = await relays.create({ claimType: CLAIM_TYPE, encryptionKeyPem, ...params });
    assert.deepEqual(Object.keys(relay).sort(), ["relaySecret", "relaySessionAccessToken", "relayToken"]);
    const { relayToken, relaySecret } = relay;
    const pass = await relays.issuePrivacyPass(form === "by relay" ? { relayToken, relaySecret } : { claimType: CLAIM_TYPE, ...params });
    assert.deepEqual(Object.keys(pass), ["privacyPassToken"]);
    await upstream.complete(relayToken, "passed", METHODOLOGY);
    const claim = await relays.generateClaim({ relayToken, relaySecret, ...pass });
    assert.deepEqual(Object.keys(claim).sort(), ["claimPayload", "tokenConsumed"]);
    assert.equal(claim.tokenConsumed, true);
    const { billed, spent, relays: all } = await upstream.ledger();
    assert.deepEqual([billed.total, spent.total, all[relayToken].redeemed], [1, 1, true]);
    return { ...claim, environment: all[relayToken].environment };
  }
  const PASSED = { claimType: CLAIM_TYPE, passed: true, claimResult: "passed", methodology: METHODOLOGY };

  const whole = {};
  for (const [environment, how] of Object.entries(ENVIRONMENTS)) {
    for (const form of ["by claim type", "by relay"]) {
      whole[`a whole flow: ${environment}, challenge ${form}`] = async () => {
        const claim = await wholeFlow(how, form);
        assert.deepEqual(library.parseClaim(claim.claimPayload), PASSED);
        assert.equal(claim.environment, environment);
      };
    }
  }

  return {
    ...whole,

    "a whole flow: the claim encrypted to a key of our own": async () => {
      const { encryptionKeyPem, privateKeyPem } = await keyPair(library);
      for (const form of ["by claim type", "by relay"]) {
        await upstream.reset();
        const { claimPayload } = await wholeFlow(ENVIRONMENTS.production, form, encryptionKeyPem);
        assert.match(claimPayload, /^[A-Za-z0-9+/]{342}==$/);
        assert.deepEqual(library.parseClaim(await library.decryptClaim(claimPayload, privateKeyPem)), PASSED);
      }
    },

    "a failing claim says so and hands the pass back for another relay": async () => {
      const { relays } = client();
      const first = await readyRelay({ result: "failed" });
      const claim = await relays.generateClaim(first);
      assert.equal(claim.tokenConsumed, false);
      assert.equal(library.parseClaim(claim.claimPayload).passed, false);
      const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
      await upstream.complete(relayToken);
      assert.equal((await relays.generateClaim({ relayToken, relaySecret, privacyPassToken: first.privacyPassToken })).tokenConsumed, true);
      assert.equal((await upstream.ledger()).spent.total, 1);
    },

    "the same redemption again reads the claim again and spends nothing; another relay is refused the pass": async () => {
      const { relays } = client();
      const first = await readyRelay();
      const claim = await relays.generateClaim(first);
      assert.deepEqual(await client().relays.generateClaim(first), claim);
      const second = await relays.create({ claimType: CLAIM_TYPE });
      await upstream.complete(second.relayToken);
      const error = await failure(relays.generateClaim({ ...second, privacyPassToken: first.privacyPassToken }));
      assert.deepEqual([error.statusCode, error.code, error.origin], [409, "pass_spent", "upstream"]);
      assert.equal((await upstream.ledger()).spent.total, 1);
    },

    "passes and relays of the two environments do not mix": async () => {
      const { relayToken, relaySecret } = await client().relays.create({ claimType: CLAIM_TYPE, sandbox: true });
      await upstream.complete(relayToken);
      const pass = await client().relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
      const error = await failure(client().relays.generateClaim({ relayToken, relaySecret, ...pass }));
      assert.deepEqual([error.statusCode, error.code], [422, "pass_environment_mismatch"]);
    },

    "create takes no more than a claim type, of whatever name, and needs no `this`": async () => {
      const { create } = client({ apiKey: undefined }).relays;
      for (const params of [{}, { encryptionKeyPem: undefined, sandbox: undefined }, { encryptionKeyPem: null, sandbox: false }]) {
        const { relayToken } = await create({ claimType: "left-handed_in_2031", ...params });
        const { environment, encrypted, claimType } = (await upstream.ledger()).relays[relayToken];
        assert.deepEqual([environment, encrypted, claimType], ["production", false, "left-handed_in_2031"]);
      }
    },

    "50 whole flows at once": async () => {
      const { relays } = client({ timeoutMs: 60_000 });
      const one = async (_, index) => {
        const result = index % 5 === 0 ? "failed" : "passed";
        const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE });
        const pass = await relays.issuePrivacyPass(index % 2 === 0 ? { claimType: CLAIM_TYPE } : { relayToken, relaySecret });
        await upstream.complete(relayToken, result);
        const claim = await relays.generateClaim({ relayToken, relaySecret, ...pass });
        assert.equal(library.parseClaim(claim.claimPayload).claimResult, result);
        return pass.privacyPassToken;
      };
      const passes = await Promise.all(Array.from({ length: 50 }, one));
      assert.equal(new Set(passes).size, 50);
      const { billed, spent } = await upstream.ledger();
      assert.deepEqual([billed.total, spent.total], [50, 40]);
    },

    "twenty redemptions of one pass at once spend it once": async () => {
      const relay = await readyRelay();
      const claims = await Promise.all(Array.from({ length: 20 }, () => client().relays.generateClaim(relay)));
      for (const claim of claims) assert.deepEqual(claim, claims[0]);
      assert.equal((await upstream.ledger()).spent.total, 1);
    },

    "the page that the person opens": () => {
      const base = "https://relay.withpersona.com/relay?relay-session-access-token=a.b-c_d";
      assert.equal(library.hostedFlowUrl("a.b-c_d"), base);
      for (const theme of ["light", "dark", "auto"]) assert.equal(library.hostedFlowUrl("a.b-c_d", { theme }), `${base}&theme=${theme}`);
    },
  };
};
