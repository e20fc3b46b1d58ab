/** The vendor's SDK quickstart, with nothing changed but the import line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { libraryUrl, useSimulator } from "../sdk/support.mjs";
import { importChanged } from "./support.mjs";

const simulator = await useSimulator();
process.env.PERSONA_API_KEY = "persona_production_simulator";

// The code under test says nothing about where the API is, and must not: it speaks to production. So the changed import
// line points at a module that is our library with one default, the simulator for the production API. A platform
// would import the library itself.
const platform = await importChanged("vendor_sdk.mjs", 'import Persona from "@persona/node";', 'import Persona from "./relay_edge_at_simulator.mjs";', {
  "relay_edge_at_simulator.mjs": `
    import { Persona } from ${JSON.stringify(libraryUrl)};
    export * from ${JSON.stringify(libraryUrl)};
    export default class extends Persona {
      constructor(options) { super({ baseUrl: ${JSON.stringify(simulator.url)}, ...options }); }
    }`,
});

for (const result of ["passed", "failed"]) {
  test(`a person whose claim has ${result}`, async () => {
    const billed = simulator.ledger().billed.total;
    const relay = await platform.startAgeCheck();
    assert.match(relay.relaySessionAccessToken, /^[\w-]+\.[\w-]+\.[\w-]+$/);
    simulator.complete(relay.relayToken, { result });
    const passed = result === "passed";
    assert.deepEqual(await platform.finishAgeCheck(relay), { over18: passed, tokenConsumed: passed });
    assert.equal(simulator.ledger().billed.total, billed + 1);
    assert.equal(simulator.ledger().relays[relay.relayToken].encrypted, true);
  });
}

test("a failure has the members that the vendor's has", async () => {
  const relay = await platform.startAgeCheck();
  const { failed, title, details, code } = await platform.tryAgeCheck({ ...relay, relaySecret: "another" });
  assert.equal(failed, 404);
  assert.equal(title, "Record not found");
  assert.equal(code, "relay_not_found");
  assert.ok(details);
});
