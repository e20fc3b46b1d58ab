/** Attacks by a Persona that takes its time. The numbers are those of docs/threat-model.md. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { JSON_TYPE, callOf, startScene } from "./support.mjs";

let scene;
before(async () => (scene = await startScene()));
after(() => scene?.close());

test("T18 an answer that comes a byte at a time is 504 in time, and others are served meanwhile", async (t) => {
  scene.answering(t, (seen) => (callOf(seen) === "creation" && seen.body.includes("france") ? (response) => {
    response.writeHead(200, JSON_TYPE);
    const drip = setInterval(() => response.write(" "), 50);
    response.on("close", () => clearInterval(drip));
  } : undefined));
  const start = Date.now();
  const slow = scene.shop.create({ "claim-type": "age_over18_france" });
  for (let calls = 0; calls < 5; calls += 1) assert.equal((await scene.shop.create()).status, 200);
  assert.ok(Date.now() - start < 5000);
  const { status, error } = await slow;
  assert.deepEqual([status, error.code], [504, "timeout"]);
  assert.ok(Date.now() - start < 30_000, `${Date.now() - start} ms`);
});
