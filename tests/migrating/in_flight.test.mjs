/**
 * Relays and passes that were made by one side and are redeemed by the other. The vendor's side is a stand-in whose cryptography
 * is independent of ours (tests/simulator/reference_client.mjs).
 */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { Persona, RelayLedger } from "../../pkg/node.js";
import { MemoryStore } from "../../pkg/stores.js";
import { startGateway } from "../support/gateway.mjs";
import { managedSecrets, send } from "../worker/support.mjs";
import { rows } from "./page.mjs";
import { ALL_TRIES, PRODUCTION_KEY, books } from "./support.mjs";
import { Persona as VendorPersona } from "./vendor/sdk-node/index.mjs";

const claimType = "age_over18_france";
const simulator = await startSimulator();
after(() => simulator.close());
const options = { apiKey: PRODUCTION_KEY, baseUrl: simulator.url };
const vendor = new VendorPersona(options).relays;
const ours = new Persona(options).relays;
const secrets = managedSecrets();
const gateways = {
  "pass-through": await startGateway({ upstream: simulator.url }),
  managed: await startGateway({ upstream: simulator.url, bindings: secrets.bindings }),
};
for (const gateway of Object.values(gateways)) after(() => gateway.close());

/** A relay that the person has completed, and a pass. @param {typeof vendor} relays */
async function ready(relays) {
  const { relayToken, relaySecret } = await relays.create({ claimType, encryptionKeyPem: null });
  const { privacyPassToken } = await relays.issuePrivacyPass({ claimType });
  simulator.complete(relayToken, { result: "passed" });
  return { relayToken, relaySecret, privacyPassToken };
}

function redeemAt(mode, { relayToken, relaySecret, privacyPassToken }, more = {}) {
  const body = { "privacy-pass-token": privacyPassToken };
  return send(`${gateways[mode].url}/relays/${relayToken}/redeem`, { body, secret: relaySecret, ...more });
}

async function throughGateway(mode, flight, more) {
  const { status, body, text } = await redeemAt(mode, flight, more);
  assert.equal(status, 200, text);
  return { claimPayload: body["claim-payload"], tokenConsumed: body["token-consumed"] };
}

const ledger = () => new RelayLedger({ ...options, store: new MemoryStore() });
const redeemers = {
  "the SDK": (flight) => ours.generateClaim(flight),
  "a RelayLedger": (flight) => ledger().generateClaim(flight),
  "the gateway in pass-through mode": (flight) => throughGateway("pass-through", flight),
  "the gateway in managed mode": (flight) => throughGateway("managed", flight, { bearer: secrets.shop }),
};

function assertPassed({ claimPayload, tokenConsumed }) {
  assert.equal(JSON.parse(claimPayload).claim_result, "passed");
  assert.equal(tokenConsumed, true);
}

for (const [name, redeem] of Object.entries(redeemers)) {
  test(`a relay and a pass of the vendor's: ${name} redeems them, as often as it is asked`, async () => {
    const flight = await ready(vendor);
    const { spent } = books(simulator);
    assertPassed(await redeem(flight));
    assertPassed(await redeem(flight));
    assert.equal(books(simulator).spent, spent + 1);
  });
}

test("a relay of the vendor's without a pass: a RelayLedger and managed mode buy one for it", async () => {
  const bought = [];
  for (const buy of [
    (relay) => ledger().issuePrivacyPass(relay),
    async ({ relayToken, relaySecret }) => {
      const { body } = await send(`${gateways.managed.url}/relays/privacy-passes`, { bearer: secrets.shop, secret: relaySecret, body: { "relay-token": relayToken } });
      return { privacyPassToken: body["privacy-pass-token"] };
    },
  ]) {
    const { relayToken, relaySecret } = await vendor.create({ claimType, encryptionKeyPem: null });
    const { privacyPassToken } = await buy({ relayToken, relaySecret });
    simulator.complete(relayToken, { result: "passed" });
    assertPassed(await vendor.generateClaim({ relayToken, relaySecret, privacyPassToken }));
    bought.push(privacyPassToken);
  }
  assert.equal(new Set(bought).size, 2);
});

test("managed mode wants the secret of a relay that it did not make", async () => {
  const flight = await ready(vendor);
  const { status, error } = await redeemAt("managed", { ...flight, relaySecret: undefined }, { bearer: secrets.shop });
  assert.deepEqual([status, error.code], [503, "relay_not_found_yet"]);
  assertPassed(await throughGateway("managed", flight, { bearer: secrets.shop }));
});

test("back again: the vendor's side redeems a relay and a pass of ours", async () => {
  assertPassed(await vendor.generateClaim(await ready(ours)));
});

test("a redemption that the vendor's side began is not repeated by ours, and the other way round", async () => {
  for (const [first, second] of [[vendor, ours], [ours, vendor]]) {
    const flight = await ready(first);
    simulator.faults.set([{ call: "redeem", fault: "500-after", times: ALL_TRIES }]);
    await assert.rejects(first.generateClaim(flight), { statusCode: 500 });
    simulator.faults.clear();
    await assert.rejects(second.generateClaim(flight), { statusCode: 409 });
  }
});

test("ours begun by one process is repeated by another of ours, of the vendor's it is not", async () => {
  const reads = async (make) => {
    const flight = await ready(make());
    simulator.faults.set([{ call: "redeem", fault: "500-after", times: ALL_TRIES }]);
    await assert.rejects(make().generateClaim(flight), { statusCode: 500 });
    simulator.faults.clear();
    return make().generateClaim(flight);
  };
  assertPassed(await reads(() => new Persona(options).relays));
  await assert.rejects(reads(() => new VendorPersona(options).relays), { statusCode: 409 });
});

test("the page has a row for each of these", () => {
  assert.deepEqual(rows("While relays are in flight").map(([what]) => what), [
    "a relay that is open",
    "a pass that is not spent",
    "a relay, in managed mode",
    "a reason to go back",
    "a redemption begun, its answer lost",
  ]);
});
