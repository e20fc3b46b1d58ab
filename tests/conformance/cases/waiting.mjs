/** Time limits. Only lower bounds are asserted, and upper ones many times what it takes: machines are busy. */
import { CLAIM_TYPE, scripted, sleep, toolsFor } from "../neutral/tools.mjs";

const byType = { claimType: CLAIM_TYPE };

/** @param {import("./index.mjs").Context} context */
export const waiting = (context) => {
  const { library, upstream, assert } = context;
  const { assertRepeated, client, failure } = toolsFor(context);

  const timed = async (work) => {
    const start = Date.now();
    const result = await work();
    return { result, ms: Date.now() - start };
  };

  /** A `fetch` that counts what is asked, for on a busy machine not everything arrives in time. */
  const counting = () => {
    const paths = [];
    return { paths, fetch: (url, init) => (paths.push(new URL(url).pathname), fetch(url, init)) };
  };

  return {
    "timeoutMs: a server that never answers is a timeout, each try": async () => {
      const { paths, fetch } = counting();
      await upstream.faults({ call: "create", fault: "hang-before" });
      const { result: error, ms } = await timed(() => failure(client({ fetch, timeoutMs: 150, maxRetries: 1 }).relays.create(byType)));
      assert.deepEqual([error.code, error.statusCode, error.origin], ["timeout", 504, "transport"]);
      assert.ok(ms >= 300 && ms < 20_000, `it took ${ms} ms`);
      assert.equal(paths.length, 2);
    },

    "timeoutMs: an answer that comes after it is repeated, and billed once": async () => {
      await upstream.faults({ call: "purchase", fault: "hang-after", times: 1 });
      const { privacyPassToken } = await client({ timeoutMs: 400, maxRetries: 10 }).relays.issuePrivacyPass(byType);
      assert.ok(privacyPassToken.length > 0);
      const requests = await upstream.requests("purchase");
      // On a busy machine the second may be too late as well.
      assert.ok(requests.length >= 2);
      assertRepeated(requests, requests.length);
      assert.equal((await upstream.ledger()).billed.total, 1);
    },

    "timeoutMs: the request that took too long is given up": async () => {
      await upstream.faults({ call: "create", fault: "hang-before", times: 1 });
      const given = failure(client({ timeoutMs: 1000, maxRetries: 0 }).relays.create(byType));
      // The simulator never answers: it holds the request until the client is gone.
      const until = async (held) => {
        for (const start = Date.now(); (await upstream.held()).length !== held; await sleep(20)) assert.ok(Date.now() - start < 20_000, `there are not ${held} requests open`);
      };
      await until(1);
      assert.equal((await given).code, "timeout");
      await until(0);
    },

    "timeoutMs: the signal of `fetch` is aborted, and a body that hangs is timed too": async () => {
      const signals = [];
      const hang = (_, init) => (signals.push(init.signal), new Promise(() => {}));
      const inBody = async (_, init) => (signals.push(init.signal), { status: 200, headers: new Headers(), text: () => new Promise(() => {}) });
      for (const fetch of [hang, inBody]) {
        const error = await failure(new library.Persona({ fetch, timeoutMs: 50, maxRetries: 0 }).relays.create(byType));
        assert.equal(error.code, "timeout");
      }
      assert.deepEqual(signals.map(({ aborted }) => aborted), [true, true]);
    },

    "deadlineMs ends the tries, between two and within one": async () => {
      const failing = scripted(() => ({ status: 503 }));
      const between = await timed(() => failure(new library.Persona({ ...failing, maxRetries: 10, deadlineMs: 400 }).relays.create(byType)));
      // If the machine stands still, the time may be up within a try.
      assert.ok(["upstream_unavailable", "timeout"].includes(between.result.code), between.result.code);
      assert.ok(failing.asked.length >= 1 && failing.asked.length < 10, `${failing.asked.length} tries`);
      assert.ok(between.ms < 20_000, `it took ${between.ms} ms`);
      const { paths, fetch } = counting();
      await upstream.faults({ call: "create", fault: "hang-before" });
      const within = await timed(() => failure(client({ fetch, deadlineMs: 250 }).relays.create(byType)));
      assert.equal(within.result.code, "timeout");
      assert.ok(within.ms >= 240 && within.ms < 9_000, `it took ${within.ms} ms`);
      assert.equal(paths.length, 1);
    },

    "deadlineMs: a challenge that takes all the time is not paid for": async () => {
      const { paths, fetch } = counting();
      await upstream.faults({ call: "challenge", fault: "hang-after" });
      assert.equal((await failure(client({ fetch, deadlineMs: 250 }).relays.issuePrivacyPass(byType))).code, "timeout");
      // Now the answer comes.
      await upstream.clearFaults();
      await sleep(50);
      assert.deepEqual(paths, ["/api/privacy/v1/relays/challenge"]);
    },
  };
};
