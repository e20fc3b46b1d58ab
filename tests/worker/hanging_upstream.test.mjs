/** An upstream that never answers. In a file of its own, beside others: it takes as long as the gateway's patience. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { startGateway } from "../support/gateway.mjs";
import { startScriptedUpstream } from "../support/scripted_upstream.mjs";
import { caller } from "./support.mjs";

test("an upstream that hangs is 504, before the runtime loses patience", async (t) => {
  const upstream = await startScriptedUpstream(() => "hang");
  t.after(() => upstream.close());
  const gateway = await startGateway({ upstream: upstream.url });
  t.after(() => gateway.close());
  const start = Date.now();
  const answer = await caller(gateway).create();
  assert.equal(answer.status, 504);
  assert.equal(answer.error.code, "timeout");
  assert.ok(Date.now() - start < 30_000);
});
