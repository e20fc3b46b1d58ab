/** A trap ends the call that caused it and those in flight, and no later one. More text than the module has memory for traps. */
import { CLAIM_TYPE, GIANT, RELAY, sleep, toolsFor } from "../neutral/tools.mjs";

/** @param {import("./index.mjs").Context} context */
export const traps = (context) => {
  const { library, upstream, assert } = context;
  const { client, failure, readyRelay } = toolsFor(context);

  const giant = () => "x".repeat(GIANT);
  const trap = () => failure(async () => library.parseClaim(giant()));
  const create = (fetch, options) => new library.Persona({ fetch, maxRetries: 0, ...options }).relays.create({ claimType: CLAIM_TYPE });
  const answer = () => new Response(JSON.stringify(RELAY));
  const code = (promise) => promise.then(() => "ok", (error) => error.code);
  const duck = (more) => ({ status: 200, headers: { get: () => null }, text: async () => JSON.stringify(RELAY), ...more });

  async function worksAgain() {
    assert.equal(library.parseClaim('{"claim_type":"t","claim_result":"passed"}').passed, true);
    assert.equal((await create(answer)).relayToken, "relay_x");
    assert.match((await library.generateEncryptionKeyPair()).privateKeyPem, /PRIVATE KEY/);
  }

  return {
    "a trap rejects its call with `internal`, and the next call works": async () => {
      for (let round = 0; round < 3; round += 1) {
        const error = await trap();
        assert.deepEqual([error.code, error.statusCode, error.origin], ["internal", 500, "internal"]);
        assert.match(error.details, /next call works/);
        assert.ok(error.cause instanceof WebAssembly.RuntimeError, `the cause is ${error.cause}`);
        await worksAgain();
      }
    },

    "a trap rejects the calls in flight, and none hangs": async () => {
      let release;
      const { privateKeyPem } = await library.generateEncryptionKeyPair();
      const inFlight = [
        code(create(() => new Promise((resolve) => (release = resolve)))),
        code(create(() => new Promise(() => {}))),
        code(create(() => new Response("", { status: 503 }), { maxRetries: 10 })),
      ];
      // WebCrypto may be done before the trap.
      const either = code(library.decryptClaim("AAAA", privateKeyPem));
      await sleep(5);
      assert.equal((await trap()).code, "internal");
      // The answer to a call that is dead by now comes in.
      release(answer());
      await worksAgain();
      assert.deepEqual(await Promise.all(inFlight), ["internal", "internal", "internal"]);
      assert.ok(["internal", "claim_decryption_failed"].includes(await either), "WebCrypto");
    },

    "a trap in what comes back from `fetch`, and inside of it": async () => {
      const traps = {
        "a header": () => duck({ headers: { get: giant } }),
        "a header, later": async () => duck({ headers: { get: giant } }),
        "inside a fetch": async () => library.parseClaim(giant()),
        "inside a fetch that makes light of it": () => {
          try {
            library.parseClaim(giant());
          } catch {
            return answer();
          }
          return assert.fail("it did not trap");
        },
      };
      for (const [name, fetch] of Object.entries(traps)) {
        const other = code(create(() => new Promise(() => {})));
        assert.equal(await code(create(fetch)), "internal", name);
        assert.equal(await other, "internal", name);
        await worksAgain();
      }
    },

    "whole flows between traps, with one client": async () => {
      const { relays } = client();
      for (let round = 0; round < 3; round += 1) {
        const relay = await readyRelay({ relays });
        await trap();
        assert.equal((await relays.generateClaim(relay)).tokenConsumed, true);
      }
    },

    "a redemption that a trap took the answer of is read again, and spent once": async () => {
      const relay = await readyRelay();
      await upstream.faults({ call: "redeem", fault: "hang-after", times: 1 });
      const dead = code(client().relays.generateClaim(relay));
      for (const start = Date.now(); (await upstream.held()).length === 0; await sleep(10)) assert.ok(Date.now() - start < 20_000, "the redemption did not arrive");
      assert.equal((await trap()).code, "internal");
      assert.equal(await dead, "internal");
      await upstream.clearFaults();
      assert.equal((await client().relays.generateClaim(relay)).tokenConsumed, true);
      assert.equal((await upstream.ledger()).spent.total, 1);
    },

    "what was blinded before a trap is finalized after it": async () => {
      const asked = await (await upstream.post("/api/privacy/v1/relays/challenge", {}, { "claim-type": CLAIM_TYPE })).json();
      const blinded = library.blindPrivacyPass({ challenge: asked.challenge, tokenKey: asked["token-key"], tokenKeyId: asked["token-key-id"] });
      await trap();
      const headers = { authorization: "Bearer persona_production_simulator", "idempotency-key": "once" };
      const bought = await (await upstream.post("/api/v1/privacy-passes", headers, { "blinded-token": blinded.blindedToken, "key-id": blinded.keyId })).json();
      assert.match(library.finalizePrivacyPass({ pendingPass: blinded.pendingPass, blindSig: bought["blind-sig"] }).privacyPassToken, /^[A-Za-z0-9_-]+$/);
    },
  };
};
