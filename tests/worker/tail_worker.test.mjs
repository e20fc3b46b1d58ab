/** The Tail Worker of docs/deploying.md: it passes on the gateway's lines, of requests and of ledger objects, and nothing about a request. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { caller, complete, managedSecrets } from "./support.mjs";

const [, SCRIPT] = /^```js\n(export default \{\n {2}async tail\(.*?)^```$/ms.exec(readFileSync(inRoot("docs/deploying.md"), "utf8"));

test("the lines arrive whole, and no URL and no header with them", async (t) => {
  let received = "";
  const keeper = http.createServer((request, response) => {
    request.on("data", (data) => (received += data)).on("end", () => {
      received += "\n";
      response.end();
    });
  });
  await new Promise((resolve) => keeper.listen(0, "127.0.0.1", () => resolve(undefined)));
  t.after(() => keeper.close());
  const simulator = await startSimulator();
  t.after(() => simulator.close());
  const secrets = managedSecrets();
  const tail = { script: SCRIPT, bindings: { LOGS_URL: `http://127.0.0.1:${/** @type {any} */ (keeper.address()).port}` } };
  const gateway = await startGateway({ upstream: simulator.url, bindings: secrets.bindings, ledger: "aging", tail });
  t.after(() => gateway.close());
  const shop = caller(gateway, secrets.shop);
  const { body: relay } = await shop.create();
  const token = relay["relay-token"];
  await complete(simulator, token);
  simulator.faults.set([{ call: "purchase", fault: "drop-after" }]);
  assert.equal((await shop.issue({ "relay-token": token })).status, 502);
  assert.equal((await shop.redeem(token)).status, 409);
  await gateway.age({ token, secret: relay["relay-secret"] }, 100 * 24 * 60 * 60_000);
  const lines = () => received.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  const seen = () => lines().map(({ event, route, code }) => `${event} ${route ?? ""} ${code ?? ""}`);
  const wanted = ["request /relays ", "request /relays/privacy-passes transport_failed", "request /relays/{relay-token}/redeem pass_not_bought", "alarm  still_in_doubt"];
  for (const deadline = Date.now() + 10_000; !wanted.every((line) => seen().includes(line)); ) {
    assert.ok(Date.now() < deadline, `not all have come: ${seen().join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  for (const secret of [token, secrets.shop, "http://", "authorization"]) assert.ok(!received.includes(secret), secret);
});
