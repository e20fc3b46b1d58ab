// The pass of a record is read, and nothing can be bought on the way.
import assert from "node:assert/strict";
import test from "node:test";
import { Persona } from "../../pkg/node.js";
import { startSimulator } from "../../simulator/index.mjs";
import { importWorker } from "../support/worker_code.mjs";

const { passOfRecord } = await importWorker("pass_of_record.ts");
const SHELF = { claimType: "age_over18_united_kingdom", sandbox: false };

test("the pass of a record is what was bought; of a record without one there is none, and nothing is sent", async (t) => {
  const simulator = await startSimulator();
  t.after(() => simulator.close());
  const persona = new Persona({ baseUrl: simulator.url, apiKey: "persona_production_simulator" });
  const texts = [];
  const record = { read: () => undefined, write: (text) => texts.push(text) };
  const { privacyPassToken } = await persona.relays.issuePrivacyPass(SHELF, { record });
  assert.equal(texts.length, 2);
  const [sent, issued] = texts;

  const before = simulator.requests().length;
  assert.equal(await passOfRecord(persona, SHELF, issued), privacyPassToken);
  await assert.rejects(passOfRecord(persona, SHELF, sent), { name: "PersonaError", code: "store_failed" });
  assert.equal(simulator.requests().length, before);
});
