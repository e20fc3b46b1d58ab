/** The `fetch` option: how it is called, and what it may do wrong. */
import { CLAIM_TYPE, RELAY, toolsFor } from "../neutral/tools.mjs";

/** @param {import("./index.mjs").Context} context */
export const fetchOption = (context) => {
  const { library, upstream, assert } = context;
  const { client, failure, readyRelay } = toolsFor(context);

  const create = (fetch, options) => new library.Persona({ fetch, maxRetries: 0, ...options }).relays.create({ claimType: CLAIM_TYPE });
  const answer = () => new Response(JSON.stringify(RELAY));
  const duck = (more = {}) => ({ status: 200, headers: { get: () => null }, text: async () => JSON.stringify(RELAY), ...more });
  const mistake = new Error("mine");

  return {
    "fetch: called with a URL and an init that any fetch understands, and no `this`": async () => {
      let called;
      await create(function () {
        // What a bundler makes of this file need not be.
        "use strict";
        called = { values: [...arguments], self: this };
        return Promise.resolve(answer());
      });
      assert.equal(called.self, undefined);
      const [url, { signal, ...init }, ...more] = called.values;
      assert.equal(more.length, 0);
      assert.equal(url, "https://api.withpersona.com/api/privacy/v1/relays");
      assert.ok(signal instanceof AbortSignal && !signal.aborted);
      assert.deepEqual(init, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "application/json", "key-inflection": "kebab" },
        body: JSON.stringify({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }),
        redirect: "manual",
      });
    },

    "fetch: a whole flow through one of the caller's": async () => {
      const urls = [];
      const { relays } = client({ fetch: (url, init) => (urls.push(url), fetch(url, init)) });
      const relay = await readyRelay({ relays });
      assert.equal((await relays.generateClaim(relay)).tokenConsumed, true);
      assert.equal(urls.length, 4);
      assert.ok(urls.every((url) => url.startsWith(`${upstream.url}/api/`)));
    },

    "fetch: what it may answer": async () => {
      for (const fetch of [answer, async () => answer(), () => ({ then: (done) => done(answer()) }), () => duck(), () => duck({ headers: new Map() })]) {
        assert.equal((await create(fetch)).relayToken, "relay_x", String(fetch));
      }
    },

    "fetch: what it throws or answers wrongly is a transport failure, and hurts no other call": async () => {
      const raise = () => {
        throw mistake;
      };
      const rows = [
        [raise, mistake], [() => Promise.reject(mistake), mistake], [() => Promise.reject("mine"), "mine"], [() => ({ then: raise }), mistake],
        [() => undefined], [async () => null], [() => 5], [() => ({})], [() => duck({ headers: undefined })], [() => duck({ headers: { get: raise } }), mistake],
        [() => duck({ text: undefined })], [() => duck({ text: raise }), mistake], [() => duck({ text: () => Promise.reject(mistake) }), mistake], [() => duck({ text: async () => 5 })],
      ];
      for (const [fetch, cause] of rows) {
        let release;
        const other = create(() => new Promise((resolve) => (release = resolve)));
        const error = await failure(create(fetch), String(fetch));
        release(answer());
        assert.deepEqual([error.code, error.statusCode, error.origin], ["transport_failed", 502, "transport"], String(fetch));
        if (cause !== undefined) assert.equal(error.cause, cause, String(fetch));
        assert.equal((await other).relayToken, "relay_x");
      }
    },

    "fetch: one that the caller aborts is a transport failure with the reason as its cause": async () => {
      const controller = new AbortController();
      const aborting = (url, { signal, ...init }) => {
        const request = fetch(url, { ...init, signal: controller.signal });
        controller.abort();
        return request;
      };
      await upstream.faults({ call: "create", fault: "hang-before" });
      const error = await failure(create(aborting, { baseUrl: upstream.url }));
      assert.deepEqual([error.code, error.origin], ["transport_failed", "transport"]);
      assert.equal(error.cause?.name, "AbortError");
      await upstream.clearFaults();
      assert.match((await client().relays.create({ claimType: CLAIM_TYPE })).relayToken, /^relay_/);
    },

    "fetch: what it throws is tried again": async () => {
      let times = 0;
      const relay = await create(() => {
        times += 1;
        if (times < 3) throw mistake;
        return answer();
      }, { maxRetries: 2 });
      assert.deepEqual([relay.relayToken, times], ["relay_x", 3]);
    },

    "fetch: without it the runtime's is called, the one there is at the time": async () => {
      const persona = new library.Persona({ maxRetries: 0 });
      const own = globalThis.fetch;
      globalThis.fetch = async () => answer();
      try {
        assert.equal((await persona.relays.create({ claimType: CLAIM_TYPE })).relayToken, "relay_x");
      } finally {
        globalThis.fetch = own;
      }
      assert.match((await client().relays.create({ claimType: CLAIM_TYPE })).relayToken, /^relay_/);
    },
  };
};
