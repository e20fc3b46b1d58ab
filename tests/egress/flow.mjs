/** A relay's life through a gateway whose caller gives itself away by every header it has, and what of it went over the wire. */
import assert from "node:assert/strict";
import { startRecorder } from "../support/recorder.mjs";
import { CLAIM_TYPE, caller, complete, managedSecrets } from "../worker/support.mjs";
import { callOf } from "./headers.mjs";

/** What must not be passed on. */
const CALLERS = {
  "user-agent": "shop.example/1.0",
  "x-forwarded-for": "203.0.113.7",
  "cf-connecting-ip": "203.0.113.7",
  "x-real-ip": "203.0.113.7",
  forwarded: "for=203.0.113.7",
  via: "1.1 shop.example",
  cookie: "shop=1",
  origin: "https://shop.example",
  referer: "https://shop.example/",
  "accept-language": "en-GB",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  "key-inflection": "snake",
  "persona-version": "2020-01-01",
  accept: "text/shop",
};

/**
 * @param {import("../../simulator/index.mjs").Simulator} simulator
 * @param {(upstream: string, bindings: Record<string, string>) => Promise<{ url: string, close: () => Promise<unknown> }>} start
 * @returns what was recorded, and what `GET /healthz` says of the egress
 */
export async function recordedFlow(simulator, start) {
  const recorder = await startRecorder(simulator);
  const secrets = managedSecrets();
  const gateway = await start(recorder.url, { ...secrets.bindings, PERSONA_VERSION: "2025-10-27" });
  try {
    const shop = caller(gateway, secrets.shop);
    const headers = CALLERS;
    const { body: relay } = await shop.create({}, { headers });
    const token = relay["relay-token"];
    await complete(simulator, token);
    // By claim type; and by relay, for one that the gateway has not made.
    const pass = await shop.issue({ "relay-token": token }, { headers });
    assert.equal(pass.status, 200, pass.text);
    const other = await elsewhere(simulator);
    assert.equal((await shop.issue({ "relay-token": other.relayToken }, { secret: other.relaySecret, headers })).status, 200);
    let claim = await shop.redeem(token, {}, { headers });
    for (const deadline = Date.now() + 15_000; claim.status === 409 && Date.now() < deadline; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      claim = await shop.redeem(token, {}, { headers });
    }
    assert.equal(claim.status, 200, claim.text);
    const health = await (await fetch(`${gateway.url}/healthz`)).json();
    const of = (/** @type {string} */ call) => recorder.requests.filter((request) => callOf(request) === call);
    const purchases = recorder.requests.filter(({ target }) => target === "/api/v1/privacy-passes");
    assert.equal(purchases.length, 2);
    return { egress: health.egress, requests: recorder.requests, of, purchases };
  } finally {
    await gateway.close();
    await recorder.close();
  }
}

/** A relay that somebody else has made. */
async function elsewhere(simulator) {
  const response = await fetch(`${simulator.url}/api/privacy/v1/relays`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ "claim-type": CLAIM_TYPE, "encryption-key-pem": null }),
  });
  return response.json();
}
