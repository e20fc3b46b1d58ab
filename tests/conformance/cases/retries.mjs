/** What is sent again, how often, after which wait, and that a purchase is billed once and a pass spent once. */
import { CLAIM_TYPE, toolsFor } from "../neutral/tools.mjs";

const byType = { claimType: CLAIM_TYPE };
/** Ways in which the answer is lost after the call was carried out. */
const LOSSES = {
  "the socket is reset": { fault: "drop-after" },
  "a 503 comes": { fault: "500-after", status: 503 },
  "the body is cut off": { fault: "truncated" },
  "a chunked body is cut off": { fault: "truncated-chunked" },
  "the JSON is malformed": { fault: "malformed-json" },
  "the 200 lacks its members": { fault: "missing-members" },
};

/** @param {import("./index.mjs").Context} context */
export const retries = (context) => {
  const { upstream, assert } = context;
  const { assertRepeated, client, failure, readyRelay } = toolsFor(context);

  const lost = {};
  for (const [name, rule] of Object.entries(LOSSES)) {
    lost[`an answer is lost, ${name}: repeated to the letter, billed once and spent once`] = async () => {
      const { relayToken, relaySecret } = await client().relays.create(byType);
      await upstream.complete(relayToken);
      await upstream.faults(...["purchase", "redeem"].map((call) => ({ call, times: 1, ...rule })));
      const pass = await client().relays.issuePrivacyPass(byType);
      assert.equal((await client().relays.generateClaim({ relayToken, relaySecret, ...pass })).tokenConsumed, true);
      assertRepeated(await upstream.requests("purchase"), 2);
      assertRepeated(await upstream.requests("redeem"), 2);
      const { billed, spent, replayed } = await upstream.ledger();
      assert.deepEqual([billed.total, spent.total, replayed.purchases, replayed.redemptions], [1, 1, 1, 1]);
    };
  }

  return {
    ...lost,

    "a request that never arrived is sent again: create and both challenges": async () => {
      const relay = await client().relays.create(byType);
      await upstream.faults(...["create", "challenge", "relay-challenge"].map((call) => ({ call, fault: "drop-before", times: 1 })));
      await client().relays.create(byType);
      await client().relays.issuePrivacyPass(byType);
      await client().relays.issuePrivacyPass({ relayToken: relay.relayToken, relaySecret: relay.relaySecret });
      const calls = (await upstream.requests()).map(({ call }) => call);
      assert.deepEqual(calls, ["create", "create", "create", "challenge", "challenge", "purchase", "relay-challenge", "relay-challenge", "purchase"]);
    },

    "a socket that is reset every time is a transport failure, and one purchase under one key": async () => {
      await upstream.faults({ call: "purchase", fault: "drop-after" });
      const error = await failure(client({ maxRetries: 2 }).relays.issuePrivacyPass(byType));
      assert.deepEqual([error.code, error.statusCode, error.origin], ["transport_failed", 502, "transport"]);
      assert.ok(error.cause !== undefined, "what the runtime threw");
      const requests = await upstream.requests("purchase");
      // A runtime may try by itself on a new connection when a kept one is reset.
      assert.ok(requests.length >= 3, `${requests.length} requests`);
      assertRepeated(requests, requests.length);
      assert.equal((await upstream.ledger()).billed.total, 1);
    },

    "the number of tries is 1 + maxRetries": async () => {
      await upstream.faults({ call: "create", fault: "500-before", status: 503 });
      for (const [options, tries] of [[{}, 4], [{ maxRetries: 0 }, 1], [{ maxRetries: 2 }, 3]]) {
        const before = (await upstream.requests()).length;
        const error = await failure(client(options).relays.create(byType));
        assert.deepEqual([error.statusCode, error.origin], [503, "upstream"]);
        assert.equal((await upstream.requests()).length - before, tries);
      }
    },

    "a 429 is sent again after Retry-After, and not before": async () => {
      const relay = await readyRelay();
      const before = (await upstream.requests("purchase")).length;
      await upstream.faults(...["purchase", "redeem"].map((call) => ({ call, fault: "429", retryAfter: 1, times: 1 })));
      await Promise.all([client().relays.generateClaim(relay), client().relays.issuePrivacyPass(byType)]);
      for (const call of ["purchase", "redeem"]) {
        const requests = (await upstream.requests(call)).slice(call === "purchase" ? before : 0);
        assertRepeated(requests, 2);
        const waited = Date.parse(requests[1].at) - Date.parse(requests[0].at);
        assert.ok(waited >= 950, `${call}: it waited ${waited} ms`);
      }
    },

    "a Retry-After that is too long is the caller's to wait for": async () => {
      await upstream.faults({ call: "create", fault: "429", retryAfter: 3600 });
      const error = await failure(client().relays.create(byType));
      assert.deepEqual([error.statusCode, error.code, error.retryAfter], [429, "rate_limited", 3600]);
      assert.equal((await upstream.requests()).length, 1);
    },

    "what is definitive is not sent again": async () => {
      const { relayToken, relaySecret } = await client().relays.create(byType);
      await upstream.complete(relayToken);
      await failure(client({ apiKey: "persona_production_wrong" }).relays.issuePrivacyPass(byType));
      await failure(client().relays.generateClaim({ relayToken, relaySecret, privacyPassToken: "cGFzcw" }));
      await failure(client().relays.issuePrivacyPass({ relayToken, relaySecret: "wrong" }));
      assert.deepEqual((await upstream.requests()).map(({ call }) => call), ["create", "challenge", "purchase", "redeem", "relay-challenge"]);
    },

    "a redemption before its time: tried again under its key, then told as claim_not_ready": async () => {
      const { relayToken, relaySecret } = await client().relays.create(byType);
      const relay = { relayToken, relaySecret, ...(await client().relays.issuePrivacyPass(byType)) };
      const error = await failure(client({ maxRetries: 2 }).relays.generateClaim(relay));
      assert.deepEqual([error.statusCode, error.code, error.origin], [403, "claim_not_ready", "upstream"]);
      assertRepeated(await upstream.requests("redeem"), 3);
      await upstream.complete(relayToken);
      await upstream.faults({ call: "redeem", fault: "403-then-ready", times: 2 });
      assert.equal((await client().relays.generateClaim(relay)).tokenConsumed, true);
      assertRepeated((await upstream.requests("redeem")).slice(3), 3);
    },

    "a signature that is wrong is billed and told, and not bought again": async () => {
      await upstream.faults({ call: "purchase", fault: "wrong-signature" });
      const error = await failure(client().relays.issuePrivacyPass(byType));
      assert.deepEqual([error.code, error.statusCode], ["blind_signature_invalid", 502]);
      assert.equal((await upstream.requests("purchase")).length, 1);
    },

    "every answer of a redemption is lost: the next call reads the claim, under the same key": async () => {
      const relay = await readyRelay();
      await upstream.faults({ call: "redeem", fault: "500-after" });
      await failure(client({ maxRetries: 1 }).relays.generateClaim(relay));
      await upstream.clearFaults();
      assert.equal((await client().relays.generateClaim(relay)).tokenConsumed, true);
      assertRepeated(await upstream.requests("redeem"), 3);
      assert.equal((await upstream.ledger()).spent.total, 1);
    },
  };
};
