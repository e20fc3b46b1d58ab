/** What schemathesis finds in a few seconds. For longer: `npm run test:schema`. */
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { describe, test } from "node:test";
import { description } from "../support/description.mjs";
import { MODES, findSchemathesis, fuzz } from "./fuzz.mjs";

const found = findSchemathesis();
const tool = "tool" in found ? found.tool : "";

describe("schemathesis", { skip: "missing" in found && found.missing }, () => {
  for (const mode of MODES) {
    test(`${mode}: no answer that is not described, nothing that breaks`, async (t) => {
      const seed = crypto.randomInt(2 ** 31);
      const { requests, byStatus, problems } = await fuzz({ mode, tool, seed, seconds: 7, requests: 200 });
      t.diagnostic(`seed ${seed}: ${requests} requests, ${JSON.stringify(byStatus)}`);
      assert.deepEqual(problems, []);
      assert.ok(requests >= 100 && byStatus[200] >= 10 && byStatus[400] >= 10, JSON.stringify(byStatus));
    });
  }

  test("it finds a description that says too little", async () => {
    const document = structuredClone(description);
    document.paths["/relays"].post.responses = { 200: document.paths["/relays"].post.responses[200] };
    const { problems } = await fuzz({ mode: "pass-through", tool, seed: 1, seconds: 8, requests: 1_000, document });
    assert.match(problems.join(), /Undocumented status code: \d/);
  });
});
