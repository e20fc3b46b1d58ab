/** Runs what docs/migrating.md makes of code for the vendor's Node SDK. */
import assert from "node:assert/strict";
import { findRuntime } from "../../scripts/lib/runtimes.mjs";
import { after, before } from "./page.mjs";
import { ALL_TRIES, SANDBOX_KEY, books, execute, nodeProject } from "./support.mjs";

/** From a new relay to its claim, both ways. @returns the relays */
async function lives(project, simulator) {
  const relays = [];
  for (const result of ["passed", "failed"]) {
    const relay = await project.call("start");
    simulator.complete(relay.relayToken, { result });
    assert.deepEqual(await project.call("finish", relay), { over18: result === "passed" });
    relays.push(relay);
  }
  return relays;
}

/** The answers to the purchase, and then to the redemption, are lost for as long as a call tries; the third call is left alone. */
async function losesAnswers(project, simulator) {
  const relay = await project.call("start");
  simulator.complete(relay.relayToken, { result: "passed" });
  const errors = [];
  for (const call of ["purchase", "redeem"]) {
    simulator.faults.set([{ call, fault: "500-after", times: ALL_TRIES }]);
    errors.push(await project.failure("finish", relay));
  }
  simulator.faults.clear();
  return { relay, errors, last: () => project.call("finish", relay), lastFailure: () => project.failure("finish", relay) };
}

/** Node with SQLite, or the reason why it can't be run. */
function nodeWithSqlite(t) {
  const { command, missing } = findRuntime("node");
  if (missing !== undefined) t.skip(missing);
  return command;
}

/** What runs every minute, here at once: it shows what it can't settle, settles what it can, and deletes what is past its time. */
async function settles(t, simulator, node) {
  const [file, text] = ["age_check.mjs", after("Never billed twice, diff 1")];
  const project = nodeProject(t, { file, text: `${text}\nexport { settle };\n`, simulator, node });
  const fail = (times) => simulator.faults.set([{ call: "purchase", fault: "500-after", times }]);
  simulator.reset();
  const relay = await project.call("start");
  simulator.complete(relay.relayToken, { result: "passed" });
  fail(ALL_TRIES);
  await project.failure("finish", relay);
  fail(ALL_TRIES);
  const { stderr, error } = await project.outcome("settle");
  assert.equal(error, undefined);
  assert.match(stderr, /^purchase:[0-9a-f]{64} injected$/m);
  simulator.faults.clear();
  assert.doesNotMatch((await project.outcome("settle")).stderr, /purchase/);
  assert.deepEqual(books(simulator), { billed: 1, spent: 0, doubleBilled: 0 });
  assert.deepEqual(await project.call("finish", relay), { over18: true });
  assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });

  const sql = async (work) => {
    const program = `const db = new (require("node:sqlite").DatabaseSync)("relays.db"); console.log(JSON.stringify(${work}))`;
    const { code, stdout, stderr } = await execute(node[0], [...node.slice(1), "-e", program], { cwd: project.folder });
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout);
  };
  const count = 'db.prepare("SELECT count(*) AS rows, min(expires_at) AS first FROM relay_edge_records").get()';
  const { rows, first } = await sql(count);
  assert.equal(rows, 2);
  assert.ok(Math.abs(first - Date.now() - 90 * 24 * 60 * 60 * 1000) < 60_000);
  await sql('db.exec("UPDATE relay_edge_records SET expires_at = 1") ?? null');
  await project.call("settle");
  assert.equal((await sql(count)).rows, 0);

  // The timer does not keep a process that has nothing else to do.
  assert.equal((await execute(node[0], [...node.slice(1), file], { cwd: project.folder, env: project.env, seconds: 20 })).code, 0);
}

export const runs = {
  /** The line is all that changes, and what the code did before it does after. */
  async "From the Node SDK, diff 1"(t, simulator) {
    const file = "age_check.mjs";
    await lives(nodeProject(t, { file, text: before(file), simulator }), simulator);
    const text = after("From the Node SDK, diff 1");
    const changed = before(file).split("\n").filter((line, at) => text.split("\n")[at] !== line);
    assert.equal(changed.length, 1);
    const environments = (relays) => relays.map(({ relayToken }) => simulator.ledger().relays[relayToken].environment);
    for (const old of [before(file), text]) {
      const relays = await lives(nodeProject(t, { file, text: old, simulator, apiKey: SANDBOX_KEY }), simulator);
      assert.deepEqual(environments(relays), ["sandbox", "sandbox"]);
    }
    const project = nodeProject(t, { file, text, simulator });
    assert.deepEqual(environments(await lives(project, simulator)), ["production", "production"]);
    const relay = await project.call("start");
    assert.deepEqual(await project.call("finish", relay), { wait: 5 });
    const { name, statusCode, title, details } = await project.failure("finish", { ...relay, relaySecret: "another" });
    assert.deepEqual({ name, statusCode, title }, { name: "PersonaError", statusCode: 404, title: "Record not found" });
    assert.ok(details);
  },

  async "From the Node SDK, diff 2"(t, simulator) {
    const file = "age_check.cjs";
    await lives(nodeProject(t, { file, text: before(file), simulator }), simulator);
    await lives(nodeProject(t, { file, text: after("From the Node SDK, diff 2"), simulator }), simulator);
  },

  /** The same losses, before and after. */
  async "Never billed twice, diff 1"(t, simulator) {
    const node = nodeWithSqlite(t);
    if (node === undefined) return;
    const file = "age_check.mjs";
    const old = await losesAnswers(nodeProject(t, { file, text: before(file), simulator }), simulator);
    assert.equal((await old.lastFailure()).statusCode, 409);
    assert.deepEqual(books(simulator), { billed: 3, spent: 1, doubleBilled: 0 });

    simulator.reset();
    const project = nodeProject(t, { file, text: after("Never billed twice, diff 1"), simulator, node });
    const { last } = await losesAnswers(project, simulator);
    assert.deepEqual(await last(), { over18: true });
    assert.deepEqual(await last(), { over18: true });
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
    await settles(t, simulator, node);
  },

  async "Errors and options, diff 1"(t, simulator) {
    const node = nodeWithSqlite(t);
    if (node === undefined) return;
    const project = nodeProject(t, { file: "age_check.mjs", text: after("Errors and options, diff 1"), simulator, node });
    await lives(project, simulator);
    const relay = await project.call("start");
    assert.deepEqual(await project.call("finish", relay), { wait: 5 });
    const { stderr } = await project.failure("finish", { ...relay, relayToken: "../elsewhere" });
    assert.match(stderr, /^caller 400 parameter_invalid relayToken undefined$/m);
    simulator.faults.set([{ call: "redeem", fault: "500-after", times: ALL_TRIES }]);
    simulator.complete(relay.relayToken, { result: "passed" });
    assert.match((await project.failure("finish", relay)).stderr, /^upstream 500 injected undefined \S{8,}$/m);
  },
};
