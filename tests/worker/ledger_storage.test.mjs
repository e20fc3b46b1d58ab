// What an object of the ledger has in memory of its rows: never something else than what its home has.
import assert from "node:assert/strict";
import test from "node:test";
import { importWorker } from "../support/worker_code.mjs";

const { LedgerStorage } = await importWorker("ledger_storage.ts");
const { deriveKeys } = await importWorker("seal.ts");
const keys = await deriveKeys([{ id: "k1", bytes: new Uint8Array(32) }]);

/** A home in memory, which counts how often all is read, and whose next commit may fail. */
function newHome() {
  let [rows, flags, subject] = [new Map(), new Map(), undefined];
  const home = {
    place: "here",
    reads: 0,
    failure: undefined,
    all() {
      home.reads += 1;
      return { subject, flags: [...flags].map(([name, value]) => ({ name, value })), records: [...rows.values()] };
    },
    insertSubject(row) {
      assert.equal(subject, undefined, "there is one");
      subject = row;
    },
    setFlag: (name, value) => void flags.set(name, value),
    writeRecord(row, version) {
      if (rows.get(row.name)?.version !== version) return undefined;
      rows.set(row.name, { ...row, version: (version ?? 0) + 1 });
      return (version ?? 0) + 1;
    },
    async commit(work, wakeAt) {
      const before = [new Map(rows), new Map(flags), subject];
      const result = work();
      wakeAt();
      await undefined;
      if (home.failure === undefined) return result;
      const { failure } = home;
      home.failure = undefined;
      if (!failure.written) [rows, flags, subject] = before;
      throw failure;
    },
  };
  return home;
}

test("rows are read once, and a row that was written is there", async () => {
  const home = newHome();
  const storage = new LedgerStorage(home, keys);
  const record = storage.record("creation");
  assert.equal(await record.read(), undefined);
  assert.equal(await record.write("one", undefined), 1);
  assert.equal(await record.write("two", 1), 2);
  assert.deepEqual(await record.read(), { text: "two", version: 2 });
  assert.equal(home.reads, 1);
  assert.equal(await new LedgerStorage(home, keys).text("creation"), "two");
});

test("what a commit that failed was to write is forgotten", async () => {
  const home = newHome();
  const storage = new LedgerStorage(home, keys);
  await storage.record("creation").write("one", undefined);
  home.failure = new Error("the disk is full");
  await assert.rejects(storage.record("creation").write("two", 1), /the disk is full/);
  assert.deepEqual(await storage.record("creation").read(), { text: "one", version: 1 });
  home.failure = new Error("the disk is full");
  await assert.rejects(storage.noteSlot(3), /the disk is full/);
  assert.equal(storage.slotOf, undefined);
});

test("whoever comes too late reads what stands, even if somebody else has written it", async () => {
  const home = newHome();
  const [storage, another] = [new LedgerStorage(home, keys), new LedgerStorage(home, keys)];
  await storage.record("creation").write("one", undefined);
  await another.record("creation").write("two", 1);
  assert.equal(await storage.record("creation").write("three", 1), undefined);
  assert.deepEqual(await storage.record("creation").read(), { text: "two", version: 2 });
  assert.equal(await storage.record("creation").write("three", 2), 3);
});

const SUBJECT = { kind: "relay", callerId: "shop", relayToken: "relay_1", relaySecret: "s", claimType: "age", sandbox: false, createdAt: null };

test("whose the object is holds at once, and is written with the first thing that is", async () => {
  const home = newHome();
  const storage = new LedgerStorage(home, keys);
  const [one, other] = await Promise.all([storage.startFor(SUBJECT), storage.startFor({ ...SUBJECT, callerId: "another" })]);
  assert.deepEqual([one, other], [SUBJECT, SUBJECT]);
  assert.equal(await storage.startedOrNever(), true);
  storage.called();
  assert.deepEqual(home.all(), { subject: undefined, flags: [], records: [] });
  await storage.record("creation").write("one", undefined);
  assert.deepEqual(home.all().flags.map(({ name }) => name), ["called"]);
  await storage.record("creation").write("two", 1);
  assert.deepEqual(await new LedgerStorage(home, keys).subject(), SUBJECT);
});

test("a first commit that fails takes away nothing: the next one writes whose the object is", async () => {
  const home = newHome();
  const storage = new LedgerStorage(home, keys);
  await storage.startFor(SUBJECT);
  home.failure = new Error("the disk is full");
  await assert.rejects(storage.record("creation").write("one", undefined), /the disk is full/);
  assert.deepEqual([home.all().subject, await storage.subject()], [undefined, SUBJECT]);
  await storage.record("creation").write("one", undefined);
  assert.deepEqual(await new LedgerStorage(home, keys).subject(), SUBJECT);
});

test("a first commit of which it is not known whether it was done: whose the object is is not written twice", async () => {
  const home = newHome();
  const storage = new LedgerStorage(home, keys);
  await storage.startFor(SUBJECT);
  home.failure = Object.assign(new Error("the disk does not answer"), { written: true });
  await assert.rejects(storage.record("creation").write("one", undefined), /does not answer/);
  assert.equal(await storage.record("creation").write("two", 1), 2);
  assert.deepEqual(await new LedgerStorage(home, keys).subject(), SUBJECT);
});

test("an object that has promised not to start does not, unless it must", async () => {
  const home = newHome();
  assert.equal(await new LedgerStorage(home, keys).startedOrNever(), false);
  assert.equal(await new LedgerStorage(home, keys).startFor(SUBJECT), undefined);
  const keyed = { kind: "key", callerId: "shop", idempotencyKey: "k", fingerprint: "f", claimType: "age", sandbox: false };
  assert.deepEqual(await new LedgerStorage(home, keys).startFor({ ...keyed, evenIfMoved: true }), keyed);
});
