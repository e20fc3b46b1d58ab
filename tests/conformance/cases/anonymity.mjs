/** What goes over the wire, and to whom: nothing names the platform but on the purchase. */
import { CLAIM_TYPE, UUID, scripted, toolsFor } from "../neutral/tools.mjs";
import { PRODUCTION_KEY } from "../neutral/upstream.mjs";

const COMMON = { "content-type": "application/json", accept: "application/json", "key-inflection": "kebab" };

/** @param {import("./index.mjs").Context} context */
export const anonymity = (context) => {
  const { library, upstream, assert } = context;
  const { client, failure } = toolsFor(context);

  /** A whole flow in both challenge forms, as it was on the wire. */
  async function recorded(options) {
    const { relays } = client(options);
    const { relayToken, relaySecret } = await relays.create({ claimType: CLAIM_TYPE, sandbox: false });
    await relays.issuePrivacyPass({ relayToken, relaySecret });
    const { privacyPassToken } = await relays.issuePrivacyPass({ claimType: CLAIM_TYPE });
    await upstream.complete(relayToken);
    await relays.generateClaim({ relayToken, relaySecret, privacyPassToken });
    return { relayToken, relaySecret, privacyPassToken, requests: await upstream.requests() };
  }

  return {
    "each call carries exactly its headers and its body": async () => {
      const { relayToken, relaySecret, privacyPassToken, requests } = await recorded({ personaVersion: "2025-10-27" });
      // What a bare `fetch` to the same server has as well is the runtime's.
      await (await fetch(`${upstream.url}/api/bare`, { method: "POST", body: "{}" })).text();
      const bare = (await upstream.requests()).at(-1).headers;
      const generateClaim = `/api/privacy/v1/relays/${relayToken}/generate-claim`;
      const authorization = `PrivateToken token=${privacyPassToken}`;
      const expected = {
        create: ["/api/privacy/v1/relays", {}, { "claim-type": CLAIM_TYPE, "encryption-key-pem": null }],
        challenge: ["/api/privacy/v1/relays/challenge", {}, { "claim-type": CLAIM_TYPE }],
        "relay-challenge": [generateClaim, { "persona-relay-secret": relaySecret }, {}],
        purchase: ["/api/v1/privacy-passes", { authorization: `Bearer ${PRODUCTION_KEY}`, "persona-version": "2025-10-27" }],
        redeem: [generateClaim, { authorization, "persona-relay-secret": relaySecret }, {}],
      };
      for (const [call, [target, headers, body]] of Object.entries(expected)) {
        const request = requests.filter((one) => one.call === call).at(-1);
        const { "idempotency-key": key, ...own } = Object.fromEntries(Object.entries(request.headers).filter(([name, value]) => name !== "content-length" && bare[name] !== value));
        assert.deepEqual(own, { ...COMMON, ...headers }, call);
        if (["purchase", "redeem"].includes(call)) assert.match(key, UUID, call);
        else assert.equal(key, undefined, call);
        assert.deepEqual([request.method, request.target], ["POST", target]);
        if (body) assert.deepEqual(JSON.parse(request.body), body, call);
        else assert.deepEqual(Object.keys(JSON.parse(request.body)).sort(), ["blinded-token", "key-id"]);
      }
    },

    "the API key is on the purchase and nowhere else, and nothing joins purchase and redemption": async () => {
      const { requests, relayToken, relaySecret } = await recorded({ personaVersion: "2025-10-27" });
      assert.equal(requests.length, 6);
      for (const request of requests) {
        const text = JSON.stringify(request);
        assert.equal(text.includes(PRODUCTION_KEY) || /bearer/i.test(text), request.call === "purchase", request.call);
        assert.equal("persona-version" in request.headers, request.call === "purchase", request.call);
        if (request.call === "purchase") assert.ok(!text.includes(relayToken) && !text.includes(relaySecret), "the purchase names the relay");
      }
      const keys = requests.map(({ headers }) => headers["idempotency-key"]).filter((key) => key !== undefined);
      assert.equal(new Set(keys).size, 3);
    },

    "the header set of the anonymous redemption, as `fetch` gets it": async () => {
      const { fetch, asked } = scripted(() => ({ status: 422 }));
      await failure(new library.Persona({ fetch, apiKey: PRODUCTION_KEY, personaVersion: "2025-10-27" }).relays.generateClaim({ relayToken: "relay_x", relaySecret: "s", privacyPassToken: "cGFzcw" }));
      assert.equal(asked.length, 1);
      const { headers, body, method, redirect } = asked[0].init;
      const { "idempotency-key": key, ...rest } = headers;
      assert.deepEqual(rest, { ...COMMON, authorization: "PrivateToken token=cGFzcw", "persona-relay-secret": "s" });
      assert.match(key, UUID);
      assert.deepEqual([body, method, redirect], ["{}", "POST", "manual"]);
    },

    "a redirect is told and never followed": async () => {
      const relay = await client().relays.create({ claimType: CLAIM_TYPE });
      await upstream.faults({ call: "create", fault: "redirect", location: "/api/elsewhere" }, { call: "redeem", fault: "redirect", location: "/api/elsewhere", status: 307 });
      for (const work of [() => client().relays.create({ claimType: CLAIM_TYPE }), () => client().relays.generateClaim({ ...relay, privacyPassToken: "cGFzcw" })]) {
        const error = await failure(work);
        assert.deepEqual([error.code, error.origin], ["upstream_redirected", "upstream"]);
      }
      assert.deepEqual((await upstream.requests()).map(({ call }) => call), ["create", "create", "redeem"]);
    },

    "the status of a redirect is told": {
      notIn: { chromium: "browsers hide what a redirect is, its status too" },
      run: async () => {
        for (const status of [301, 302, 307, 308]) {
          await upstream.faults({ call: "create", fault: "redirect", location: "/api/elsewhere", status });
          assert.equal((await failure(client().relays.create({ claimType: CLAIM_TYPE }))).statusCode, status);
        }
      },
    },
  };
};
