/** Many relays at once, through one client. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CLAIM_TYPE, headersOf, library, useSimulator } from "./support.mjs";

const simulator = await useSimulator();

test("50 whole flows side by side, every third answer lost once", async () => {
  const { relays } = simulator.client({ maxRetries: 5, timeoutMs: 30_000 });
  let count = 0;
  const lost = new Map();
  const lossy = async (exchange, next) => {
    const answer = await next();
    count += 1;
    // Never more of one call than it has retries, however the calls are interleaved.
    const call = exchange.request.headers.get("idempotency-key")?.[0] ?? exchange.call;
    if (count % 3 !== 0 || lost.get(call) === 5) return answer;
    lost.set(call, (lost.get(call) ?? 0) + 1);
    exchange.response.socket?.resetAndDestroy();
    return null;
  };
  const flow = async (_, index) => {
    const result = index % 5 === 0 ? "failed" : "passed";
    const relay = await relays.create({ claimType: CLAIM_TYPE });
    const { relayToken, relaySecret } = relay;
    const pass = await relays.issuePrivacyPass(index % 2 === 0 ? { claimType: CLAIM_TYPE } : { relayToken, relaySecret });
    simulator.complete(relayToken, { result });
    const claim = await relays.generateClaim({ relayToken, relaySecret, ...pass });
    assert.equal(claim.tokenConsumed, result === "passed");
    assert.equal(library.parseClaim(claim.claimPayload).claimResult, result);
    return pass.privacyPassToken;
  };
  const { result: passes, requests } = await simulator.during(lossy, () => Promise.all(Array.from({ length: 50 }, flow)));
  assert.ok(count > 200);
  const nonces = passes.map((pass) => JSON.parse(Buffer.from(pass, "base64url")).token_nonce);
  assert.equal(new Set(nonces).size, 50);
  const { billed, spent } = simulator.ledger();
  assert.equal(billed.total, 50);
  assert.equal(Object.keys(billed.byIdempotencyKey).length, 50);
  assert.equal(spent.total, 40);
  for (const call of ["purchase", "redeem"]) {
    const keys = requests.filter((request) => request.call === call).map((request) => headersOf(request)["idempotency-key"]);
    assert.ok(keys.length > 50, `${keys.length} ${call}`);
    assert.equal(new Set(keys).size, 50, call);
  }
});
