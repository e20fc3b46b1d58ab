/** The Next.js example: built and started without a configuration of its own, its edge functions without a disk. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { counts, describeExample, flowTests, killDuring, runIn, secrecyTest, startVerification } from "./support.mjs";

const next = (folder) => [process.execPath, path.join(folder, "node_modules/next/dist/bin/next")];
// As in a pipeline: without secrets. Turbopack, which is the default; it checks the types as well.
const prepare = (folder) => runIn(folder, "next build", [...next(folder), "build"]);

describeExample("nextjs", (running) => {
  flowTests(running);

  test("killed after it has bought and while it redeems, it goes on: billed once, spent once", async () => {
    const { simulator, server } = running;
    const before = counts(simulator);
    const { id, relay } = await startVerification(running);
    await server.kill();
    await server.start();
    simulator.complete(relay, { result: "passed" });
    await killDuring(running, "redeem", () => server.ask("GET", `/verifications/${id}`));
    assert.deepEqual((await server.ask("GET", `/verifications/${id}`)).body, { state: "done", passed: true });
    assert.deepEqual(counts(simulator), { billed: before.billed + 1, spent: before.spent + 1 });
  });

  test("an id that was changed, and one of another key, are not found", async () => {
    const { server } = running;
    const { id } = await startVerification(running);
    const changed = id.slice(0, 40) + (id[40] === "A" ? "B" : "A") + id.slice(41);
    assert.equal((await server.ask("GET", `/verifications/${changed}`)).status, 404);
    await server.kill();
    server.settings.STORE_KEY = Buffer.alloc(32, 7).toString("base64");
    await server.start();
    assert.equal((await server.ask("GET", `/verifications/${id}`)).status, 404);
  });

  test("the build took the entry for edge functions, not the module as a text", () => {
    const built = readdirSync(path.join(running.server.folder, ".next/server"), { recursive: true });
    assert.equal(built.filter((file) => /relay_edge_bg.*\.wasm$/.test(file)).length, 1);
  });

  secrecyTest(running);
}, { prepare });
