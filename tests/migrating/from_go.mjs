/** Compiles and runs what docs/migrating.md makes of code for the vendor's Go SDK, and its client. */
import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { startGateway } from "../support/gateway.mjs";
import { managedSecrets } from "../worker/support.mjs";
import { findGo } from "./go.mjs";
import { after, before, block } from "./page.mjs";
import { PRODUCTION_KEY, books, execute, here, temporaryFolder } from "./support.mjs";
import { startVendorGateway } from "./vendor/gateway.mjs";

/** The toolchain; without one the test is skipped. */
function goFor(t) {
  const { missing, ...toolchain } = findGo();
  if (missing !== undefined) t.skip(missing);
  return missing === undefined ? toolchain : undefined;
}

/**
 * Compiles a shop: files by their path in its module.
 *
 * @returns {Promise<{ binary: string }>}
 */
async function build(t, { go, env }, files, requirements = "") {
  const folder = temporaryFolder(t);
  for (const [name, text] of Object.entries({ "go.mod": `module example.com/shop\n\ngo 1.21\n${requirements}`, ...files })) {
    mkdirSync(path.join(folder, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  copyFileSync(here("go/drive.go"), path.join(folder, "drive.go"));
  for (const args of [["vet", "./..."], ["build", "-o", "shop", "."]]) {
    const { code, stdout, stderr } = await execute(go, args, { cwd: folder, env, seconds: 500 });
    assert.equal(code, 0, `go ${args.join(" ")}\n${stdout}${stderr}`);
  }
  return { binary: path.join(folder, "shop") };
}

/** `start` and `finish` of a shop, each in a process of its own. */
function shopOf({ binary }, env) {
  const run = async (...args) => {
    const { code, stdout, stderr } = await execute(binary, args, { env });
    assert.equal(code, 0, stdout + stderr);
    return JSON.parse(stdout);
  };
  return {
    start: async (order) => (await run("start", order)).value,
    finish: (relay) => run("finish", JSON.stringify(relay)),
  };
}

/** In front of a gateway: it passes requests on, and breaks the connection in place of the first answer on each path. */
async function startBreaker(t, gateway) {
  const broken = new Set();
  const server = http.createServer(async (request, response) => {
    const body = [];
    for await (const chunk of request) body.push(chunk);
    const { host, "content-length": _, connection: __, "transfer-encoding": ___, ...headers } = request.headers;
    const answer = await fetch(gateway.url + request.url, { method: request.method, headers, body: Buffer.concat(body) });
    const text = await answer.text();
    const path = request.url.replace(/relay_\w+/, "{relay-token}");
    if (broken.has(path)) return response.writeHead(answer.status, { "content-type": "application/json" }).end(text);
    broken.add(path);
    // Half of the answer for one, nothing at all for the others.
    if (path.endsWith("redeem")) response.writeHead(200, { "content-length": text.length }).write(text.slice(0, text.length / 2));
    setTimeout(() => response.socket?.destroy(), 50);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${server.address().port}`, broken };
}

async function lives(shop, simulator, tokenOf) {
  const relay = await shop.start("order-1");
  assert.deepEqual((await shop.finish(relay)).notReady, true);
  simulator.complete(tokenOf(relay), { result: "passed" });
  assert.deepEqual(await shop.finish(relay), { value: true });
  return relay;
}

async function managedShop(t, toolchain, simulator, front = (gateway) => gateway) {
  const { shop: token, bindings } = managedSecrets();
  const gateway = await startGateway({ upstream: simulator.url, bindings });
  t.after(() => gateway.close());
  const { url } = await front(gateway);
  const files = { "age_check.go": after("From the Go SDK, diff 1"), "edge/edge.go": block("From the Go SDK, go 1").text };
  return shopOf(await build(t, toolchain, files), { GATEWAY: url, GATEWAY_TOKEN: token });
}

export const runs = {
  /** The client: what it does when the answer to each of its calls is lost. Formatted as Go is. */
  async "From the Go SDK, go 1"(t, simulator) {
    const toolchain = goFor(t);
    if (toolchain === undefined) return;
    const gofmt = toolchain.go === "go" ? "gofmt" : path.join(path.dirname(toolchain.go), "gofmt");
    const { code, stdout, stderr } = await execute(gofmt, ["-d"], { env: toolchain.env, input: block("From the Go SDK, go 1").text });
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");

    let breaker;
    const shop = await managedShop(t, toolchain, simulator, async (gateway) => (breaker = await startBreaker(t, gateway)));
    const relay = await lives(shop, simulator, (made) => made["relay-token"]);
    assert.deepEqual([...breaker.broken].sort(), ["/relays", "/relays/privacy-passes", "/relays/{relay-token}/redeem"]);
    assert.deepEqual(Object.keys(simulator.ledger().relays), [relay["relay-token"]], "one relay was made, and it is this one");
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
  },

  /** The shop, before and after. */
  async "From the Go SDK, diff 1"(t, simulator) {
    const toolchain = goFor(t);
    if (toolchain === undefined) return;
    const requirements = `\nrequire github.com/persona-id/relay-sdk-go v0.1.0\n\nreplace github.com/persona-id/relay-sdk-go => ${here("vendor/relay-sdk-go")}\n`;
    const standIn = await startVendorGateway(simulator.url);
    t.after(() => standIn.close());
    const old = shopOf(await build(t, toolchain, { "age_check.go": before("age_check.go") }, requirements), {
      STAND_IN_GATEWAY: standIn.url,
      PERSONA_API_KEY: PRODUCTION_KEY,
    });
    await lives(old, simulator, (made) => made.RelayToken);
    assert.deepEqual(books(simulator), { billed: 2, spent: 1, doubleBilled: 0 }, "a pass for each call of finish");

    simulator.reset();
    const shop = await managedShop(t, toolchain, simulator);
    const relay = await lives(shop, simulator, (made) => made["relay-token"]);
    assert.deepEqual(await shop.finish(relay), { value: true });
    assert.deepEqual(await shop.start("order-1"), relay, "an order has one relay");
    const { error, notReady } = await shop.finish({ "relay-token": "..%2F" });
    assert.equal(notReady, false);
    assert.match(error, /^400 parameter_invalid: /);
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
  },
};
