// A trap in workerd: it ends the calls in flight, of whichever request, and no later one. The gateway itself can't be made
// to trap from outside (nothing that reaches the module is large enough), so a Worker of a few lines imports the package.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createServer } from "node:http";
import test from "node:test";
import { Miniflare } from "miniflare";
import { inRoot } from "../../scripts/lib/program.mjs";

const WORKER = `
import { Persona, parseClaim } from "./workerd.js";
const params = { relayToken: "relay_a", relaySecret: "secret", privacyPassToken: "AAAA" };
export default {
  async fetch(request, env) {
    const outcome = async (work) => {
      try {
        return Response.json({ value: await work() });
      } catch (error) {
        return Response.json({ name: error.name, code: error.code, statusCode: error.statusCode });
      }
    };
    switch (new URL(request.url).pathname) {
      // More text than the module has memory for.
      case "/trap": return outcome(() => parseClaim("x".repeat(80_000_000)));
      case "/slow": return outcome(() => new Persona({ baseUrl: env.UPSTREAM }).relays.generateClaim(params));
      default: return outcome(() => parseClaim('{"claim_type":"a","claim_result":"passed"}').passed);
    }
  },
};`;

const TRAPPED = { name: "PersonaError", code: "internal", statusCode: 500 };

test("a trap rejects what is in flight and the next calls work, many times over", { timeout: 60_000 }, async (t) => {
  let answered = 0;
  const waiting = [];
  const upstream = createServer((request, response) => {
    answered += 1;
    const answer = () => response.setHeader("content-type", "application/json").end('{"claim-payload":"{}","token-consumed":true}');
    if (waiting.length < 3) waiting.push(answer);
    else answer();
  });
  await new Promise((resolve) => upstream.listen(0, "127.0.0.1", resolve));
  const names = readdirSync(inRoot("pkg")).filter((name) => name.endsWith(".js") && name !== "node.js");
  const miniflare = new Miniflare({
    modules: [
      { type: "ESModule", path: "main.js", contents: WORKER },
      ...names.map((name) => ({ type: "ESModule", path: name, contents: readFileSync(inRoot("pkg", name), "utf8") })),
      { type: "CompiledWasm", path: "relay_edge_bg.wasm", contents: readFileSync(inRoot("pkg/relay_edge_bg.wasm")) },
    ],
    bindings: { UPSTREAM: `http://127.0.0.1:${upstream.address().port}` },
    compatibilityDate: /^compatibility_date = "(.+)"$/m.exec(readFileSync(inRoot("wrangler.toml"), "utf8"))?.[1],
    host: "127.0.0.1",
    cf: false,
  });
  t.after(async () => {
    await miniflare.dispose();
    upstream.closeAllConnections();
    upstream.close();
  });
  const url = await miniflare.ready;
  const get = async (path) => (await fetch(new URL(path, url))).json();

  assert.deepEqual(await get("/ok"), { value: true });
  const slow = [get("/slow"), get("/slow"), get("/slow")];
  while (answered < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(await get("/trap"), TRAPPED);
  // Other requests were waiting for the module that is gone: each is told, none hangs.
  assert.deepEqual(await Promise.all(slow), [TRAPPED, TRAPPED, TRAPPED]);
  // What the dead module was waiting for arrives, and is nobody's.
  for (const answer of waiting) answer();
  for (let round = 0; round < 5; round += 1) {
    assert.deepEqual(await get("/ok"), { value: true });
    assert.deepEqual(await get("/slow"), { value: { claimPayload: "{}", tokenConsumed: true } });
    assert.deepEqual(await get("/trap"), TRAPPED);
  }
  const calls = Array.from({ length: 20 }, (_, at) => get(at === 10 ? "/trap" : "/ok"));
  const ends = await Promise.all(calls);
  assert.equal(ends.filter((end) => end.value === true).length, 19);
});
