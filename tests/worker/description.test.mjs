/** `GET /openapi.json`: the description of what is answered, for anybody and in both modes. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { startGateway } from "../support/gateway.mjs";
import { description, undescribed } from "../support/description.mjs";
import { PLAIN, managedSecrets, plainHeaders, send } from "./support.mjs";

const gateways = [];

before(async () => {
  for (const bindings of [{}, managedSecrets().bindings]) gateways.push(await startGateway({ bindings }));
});
after(async () => {
  for (const gateway of gateways) await gateway.close();
});

test("it needs no token, and is the same in both modes", async () => {
  for (const { url } of gateways) {
    const answer = await send(`${url}/openapi.json`, { method: "GET" });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.body, description);
    assert.deepEqual(plainHeaders(answer), PLAIN);
    const head = await send(`${url}/openapi.json`, { method: "HEAD" });
    assert.deepEqual([head.status, head.text], [200, ""]);
    assert.equal((await send(`${url}/openapi.json`)).status, 405);
  }
});

test("an answer that is not described is found: a status, a code, a member, a header too many or too few", () => {
  const headers = { "cache-control": "no-store", "x-content-type-options": "nosniff", "content-type": "application/json" };
  const error = (more) => JSON.stringify({ errors: [{ title: "No", code: "internal", ...more }] });
  const refused = (more) => undescribed({ method: "POST", path: "/relays", status: 500, headers, text: error(), ...more }).length > 0;
  assert.equal(refused({}), false);
  assert.ok(refused({ status: 302 }));
  assert.ok(refused({ text: error({ code: "body_too_large" }) }));
  assert.ok(refused({ text: error({ secret: "x" }) }));
  assert.ok(refused({ text: '{"errors":[]}' }));
  assert.ok(refused({ headers: { ...headers, "cache-control": "max-age=1" } }));
  assert.ok(refused({ headers: { ...headers, "x-content-type-options": undefined } }));
  assert.ok(refused({ headers: { ...headers, "request-id": "req_1" } }));
  assert.ok(refused({ headers: { ...headers, "content-type": "text/html" } }));
  assert.ok(refused({ method: "PUT" }));
});
