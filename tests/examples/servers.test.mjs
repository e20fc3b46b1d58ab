/** The examples that keep their books: killed at the worst moments, they pay once and lose no claim. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { findRuntime } from "../../scripts/lib/runtimes.mjs";
import { counts, describeExample, flowTests, killDuring, runIn, secrecyTest, startVerification } from "./support.mjs";

const tsc = [process.execPath, inRoot("node_modules/typescript/bin/tsc"), "-p", "."];
const typeChecks = { bun: () => tsc, worker: () => tsc, deno: () => [findRuntime("deno").command[0], "check", "server.ts"] };

for (const name of ["node-hono", "node-express", "bun", "deno", "worker"]) {
  describeExample(name, (running) => {
    flowTests(running);

    test("killed while it buys and while it redeems, it goes on: billed once, spent once", async () => {
      const { simulator, server } = running;
      const before = counts(simulator);
      const { id, relay } = await startVerification(running);
      await killDuring(running, "purchase", () => server.ask("GET", `/verifications/${id}`));
      simulator.complete(relay, { result: "passed" });
      await killDuring(running, "redeem", () => server.ask("GET", `/verifications/${id}`));
      const { replayed } = simulator.ledger();
      assert.deepEqual((await server.ask("GET", `/verifications/${id}`)).body, { state: "done", passed: true });
      assert.deepEqual(counts(simulator), { billed: before.billed + 1, spent: before.spent + 1 });
      // Persona answered both again, under their keys: the answers had not reached us.
      assert.ok(simulator.ledger().replayed.redemptions > replayed.redemptions && replayed.purchases > 0);
    });

    secrecyTest(running);

    const typeCheck = typeChecks[name];
    if (typeCheck !== undefined) test("its types are right", () => runIn(running.server.folder, "the type check", typeCheck()));
  });
}
