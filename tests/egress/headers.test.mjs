/** The headers of every anonymous call, as they come over a real socket, by egress and runtime: ours, the runtime's, and no more. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { exampleCommand } from "../../scripts/lib/example.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { startHost } from "../support/hosts.mjs";
import { recordedFlow } from "./flow.mjs";
import { CALLS, RUNTIMES, workerdIn, wrongHeaders } from "./headers.mjs";

let simulator;
before(async () => (simulator = await startSimulator()));
after(() => simulator?.close());

const HOSTS = /** @type {const} */ (["deno", "bun", "node"]);
const ZONE = "gateway.zone.example";
const NEUTRAL = "neutral.example";

/** Every call was made, and carries exactly what is written down for the runtime. */
function exact(flow, runtime) {
  for (const call of Object.keys(CALLS)) assert.ok(flow.of(call).length > 0, `there was no ${call}`);
  const anonymous = Object.keys(CALLS).flatMap((call) => flow.of(call));
  assert.equal(anonymous.length + flow.purchases.length, flow.requests.length);
  assert.deepEqual(anonymous.flatMap((request) => wrongHeaders(request, runtime)), []);
  for (const { method, body } of anonymous) assert.ok(method === "POST" && body.startsWith("{"), body);
}

test("direct, workerd", async () => {
  const flow = await recordedFlow(simulator, (upstream, bindings) => startGateway({ upstream, bindings, zone: ZONE }));
  assert.equal(flow.egress, "direct");
  exact(flow, workerdIn(ZONE));
});

test("service, workerd: the egress is named and the gateway is not; the purchase goes directly", async () => {
  const flow = await recordedFlow(simulator, (upstream, bindings) => startGateway({ upstream, bindings, zone: ZONE, egress: { zone: NEUTRAL, upstream } }));
  assert.equal(flow.egress, "service");
  exact(flow, workerdIn(NEUTRAL));
  for (const { headers } of flow.purchases) assert.ok(headers.some(([name, value]) => name === "CF-Worker" && value === ZONE));
});

for (const [name, egress, zone] of [["delayed", undefined, ZONE], ["service+delayed", NEUTRAL, NEUTRAL]]) {
  test(`${name}, workerd: the same headers, although no caller is there`, async () => {
    const flow = await recordedFlow(simulator, (upstream, bindings) =>
      startGateway({ upstream, bindings: { ...bindings, REDEEM_DELAY_S: "0-1" }, zone: ZONE, ...(egress && { egress: { zone: egress, upstream } }) }));
    assert.equal(flow.egress, name);
    exact(flow, workerdIn(zone));
  });
}

for (const host of HOSTS) {
  const example = exampleCommand(host);
  const skip = "missing" in example ? example.missing : false;
  test(`direct, ${host}`, { skip }, async () => {
    const flow = await recordedFlow(simulator, (upstream, bindings) => startHost(host, { upstream, bindings }));
    assert.equal(flow.egress, "direct");
    exact(flow, RUNTIMES[host]);
    // What docs/deploying.md says of `direct`: the redemption comes over the connection that the API key came over.
    assert.ok(flow.purchases.some(({ connection }) => flow.of("redeem")[0].connection === connection));
  });
}

test("a header too many, one too few, another order, another value: each is noticed", () => {
  const headers = RUNTIMES.workerd.order.filter((name) => !/authorization|idempotency|secret/i.test(name)).map((name) => [name, "x"]);
  const said = { "Content-Length": "2", Host: "127.0.0.1:1", "Content-Type": "application/json", Accept: "application/json", "CF-Worker": ZONE, "key-inflection": "kebab" };
  const right = headers.map(([name]) => [name, said[name]]);
  const wrong = (changed) => wrongHeaders({ method: "POST", target: "/api/privacy/v1/relays", headers: changed }, workerdIn(ZONE));
  assert.deepEqual(wrong(right), []);
  assert.equal(wrong([...right, ["X-Forwarded-For", "203.0.113.7"]]).length, 1);
  assert.equal(wrong(right.slice(1)).length, 1);
  assert.equal(wrong([...right].reverse()).length, 1);
  assert.equal(wrong(right.map(([name, value]) => [name.toLowerCase(), value])).length > 0, true);
  assert.equal(wrong(right.map(([name, value]) => [name, name === "CF-Worker" ? "shop.example" : value])).length, 1);
});
