/** examples/reqwest/ against the simulator: once billed and once spent, though every answer that can be lost is lost. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { startSimulator } from "../../simulator/index.mjs";

const checkout = fileURLToPath(new URL("../..", import.meta.url));
// Tries of one call: the first, and the retries of the default policy.
const TRIES = 4;

const simulator = await startSimulator();
after(() => simulator.close());

/** Runs the example in the profile of `cargo test`, which has compiled it already. */
function runExample(folder) {
  const args = ["run", "--quiet", "--locked", "--profile", "test", "--example", "reqwest", "--", simulator.url, folder];
  const env = { ...process.env, PERSONA_API_KEY: "persona_sandbox_simulator" };
  return new Promise((resolve, reject) => {
    const child = spawn("cargo", args, { cwd: checkout, env });
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"]) child[name].setEncoding("utf8").on("data", (text) => (said[name] += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...said }));
  });
}

function recordsFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), "relay-edge-example-"));
  after(() => rmSync(folder, { recursive: true }));
  return path.join(folder, "records");
}

for (const result of ["passed", "failed"]) {
  test(`from creation to a claim that has ${result}, with each answer that costs something lost once`, async () => {
    simulator.reset();
    const folder = recordsFolder();
    simulator.faults.set([{ call: "purchase", fault: "drop-after", times: 1 }]);
    const early = await runExample(folder);
    assert.equal(early.code, 0, early.stderr);
    const [, relayToken] = /^relay (\S+)\npass bought\nnot yet: https:\S+\n$/.exec(early.stdout) ?? assert.fail(early.stdout);

    simulator.complete(relayToken, { result });
    simulator.faults.set([{ call: "redeem", fault: "drop-after", times: 1 }]);
    const late = await runExample(folder);
    assert.equal(late.stdout, `relay ${relayToken}\npass bought\nclaim age_over18_germany ${result}\n`, late.stderr);

    const { billed, spent, doubleBilled } = simulator.ledger();
    assert.equal(billed.total, 1);
    assert.equal(spent.total, result === "passed" ? 1 : 0);
    assert.deepEqual(doubleBilled, []);
    const requests = simulator.requests().length;
    assert.equal((await runExample(folder)).stdout, late.stdout, "the claim is answered from its record");
    assert.equal(simulator.requests().length, requests);
  });
}

test("a run that ends in doubt is gone on with by the next, which buys nothing else", async () => {
  simulator.reset();
  const folder = recordsFolder();
  simulator.faults.set([{ call: "purchase", fault: "drop-after", times: TRIES }]);
  const first = await runExample(folder);
  assert.equal(first.code, 1);
  assert.doesNotMatch(first.stdout, /pass bought/);
  assert.equal(simulator.ledger().billed.total, 1);
  const second = await runExample(folder);
  assert.match(second.stdout, /^pass bought$/m, second.stderr);
  assert.equal(simulator.ledger().billed.total, 1);
});
