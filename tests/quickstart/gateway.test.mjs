/** The vendor's gateway quickstart against our Worker in workerd, pass-through, with nothing changed but the base URL. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { importChanged } from "./support.mjs";

const simulator = await startSimulator();
after(() => simulator.close());
const gateway = await startGateway({ upstream: simulator.url });
after(() => gateway.close());
process.env.PERSONA_API_KEY = "persona_production_simulator";
const platform = await importChanged("vendor_gateway.mjs", 'const GATEWAY_URL = "http://localhost:8080";', `const GATEWAY_URL = ${JSON.stringify(gateway.url)};`);

for (const buy of ["passForRelay", "passForClaimType"]) {
  for (const result of ["passed", "failed"]) {
    test(`${buy}, a person whose claim has ${result}`, async () => {
      const billed = simulator.ledger().billed.total;
      const relay = await platform.startAgeCheck();
      assert.deepEqual(Object.keys(relay).sort(), ["relay-secret", "relay-session-access-token", "relay-token"]);
      const pass = await platform[buy](relay);
      simulator.complete(relay["relay-token"], { result });
      const passed = result === "passed";
      assert.deepEqual(await platform.finishAgeCheck(relay, pass), { over18: passed, tokenConsumed: passed });
      assert.equal(simulator.ledger().billed.total, billed + 1);
    });
  }
}

test("the caller's second try after a lost answer reads the claim", async () => {
  const relay = await platform.startAgeCheck();
  const pass = await platform.passForClaimType();
  simulator.complete(relay["relay-token"], { result: "passed" });
  const { spent } = simulator.ledger();
  const [first, second] = [await platform.finishAgeCheck(relay, pass), await platform.finishAgeCheck(relay, pass)];
  assert.deepEqual(second, first);
  assert.equal(simulator.ledger().spent.total, spent.total + 1);
});

test("a failure is an error of the upstream's shape", async () => {
  const relay = await platform.startAgeCheck();
  await assert.rejects(platform.passForRelay({ ...relay, "relay-secret": "another" }), /^Error: 404 Record not found$/);
});
