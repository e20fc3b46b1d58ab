/** What every store promises: the first half of the contract. */
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { NEW_KEY, OLD_KEY, SqliteStore, aesGcmSealer, key, openDatabase } from "./kinds.mjs";

const always = () => true;
const times = (count, work) => Promise.all(Array.from({ length: count }, (_, index) => work(index)));

/** @type {{ name: string, for?: (kind: any) => boolean, run: (bench: import("./run.mjs").Bench) => Promise<void> }[]} */
export const storeCases = [
  {
    name: "a record that was never written is not there",
    async run({ open }) {
      const { store } = await open();
      assert.equal((await store.record("a").read()) ?? undefined, undefined);
      assert.equal((await store.record("a").write("text", 7)) ?? undefined, undefined);
      assert.deepEqual(await store.names(), []);
    },
  },
  {
    name: "what was written is read, with the version that writing answered",
    async run({ open }) {
      const { store } = await open();
      const record = store.record("a");
      let version;
      for (const text of ["first", "", "second", '{"ü":"€😀\\u0000"}', "\ufeffmarked", "NUL \0 inside", "x".repeat(1_000_000)]) {
        version = await record.write(text, version);
        assert.ok(version !== undefined && version !== null);
        assert.deepEqual({ ...(await record.read()) }, { text, version });
        assert.deepEqual({ ...(await store.record("a").read()) }, { text, version });
      }
    },
  },
  {
    name: "a version that does not stand any more writes nothing",
    async run({ open }) {
      const { store } = await open();
      const record = store.record("a");
      const first = await record.write("first", undefined);
      assert.equal((await record.write("again", undefined)) ?? undefined, undefined);
      const second = await record.write("second", first);
      for (const stale of [first, undefined, Number(second) + 1, -1, 0.5]) assert.equal((await record.write("stale", stale)) ?? undefined, undefined);
      assert.deepEqual({ ...(await record.read()) }, { text: "second", version: second });
    },
  },
  {
    name: "records are apart, and all of them are named",
    async run({ open }) {
      const { store } = await open();
      const names = ["a", "b", "purchase:0f", "A", "a'; DROP TABLE relay_edge_records; --", "ü"];
      for (const name of names) assert.ok(await store.record(name).write(`of ${name}`, undefined));
      for (const name of names) assert.equal((await store.record(name).read()).text, `of ${name}`);
      assert.deepEqual([...(await store.names())].sort(), [...names].sort());
    },
  },
  {
    name: "of 20 writers with one version, one wins",
    async run({ open }) {
      const opened = await times(4, open);
      const records = opened.map(({ store }) => store.record("a"));
      let version;
      const seen = new Set();
      for (let round = 0; round < 25; round += 1) {
        const answers = await times(20, (writer) => records[writer % 4].write(`${round}/${writer}`, version));
        const winners = answers.flatMap((answer, writer) => (answer === undefined || answer === null ? [] : [writer]));
        assert.equal(winners.length, 1, `round ${round}: the writers ${winners} won`);
        version = answers[winners[0]];
        assert.ok(!seen.has(version), `the version ${version} came twice`);
        seen.add(version);
        for (const record of records) assert.deepEqual({ ...(await record.read()) }, { text: `${round}/${winners[0]}`, version });
      }
    },
  },
  {
    name: "10 writers that read, add one and write lose no addition",
    async run({ open }) {
      const opened = await times(5, open);
      await times(10, async (writer) => {
        const record = opened[writer % 5].store.record("count");
        for (let won = 0; won < 20; ) {
          const found = await record.read();
          const count = Number(found?.text ?? 0) + 1;
          if ((await record.write(String(count), found?.version)) !== undefined) won += 1;
        }
      });
      assert.equal((await opened[0].store.record("count").read()).text, "200");
    },
  },
  {
    name: "what is past its time is deleted when it is asked for, and nothing else",
    async run({ open }) {
      const { store } = await open();
      await store.record("kept").write("text", undefined);
      await store.record("short", { ttlSeconds: 10 }).write("text", undefined);
      await store.record("long", { ttlSeconds: 1000 }).write("text", undefined);
      const renewed = store.record("renewed", { ttlSeconds: 10 });
      await store.record("renewed", { ttlSeconds: 1000 }).write("again", await renewed.write("text", undefined));
      assert.equal(await store.deleteExpired(), 0);
      assert.equal(await store.deleteExpired(Date.now() + 5_000), 0);
      assert.equal(await store.deleteExpired(Date.now() + 60_000), 1);
      assert.deepEqual([...(await store.names())].sort(), ["kept", "long", "renewed"]);
      assert.equal(await store.deleteExpired(Date.now() + 10_000_000), 2);
      assert.deepEqual(await store.names(), ["kept"]);
    },
  },
  {
    name: "who knows a record that was deleted does not write over its successor",
    async run({ open }) {
      const { store } = await open();
      const record = store.record("a", { ttlSeconds: 1 });
      const first = await record.write("first", undefined);
      const second = await record.write("second", first);
      assert.equal(await store.deleteExpired(Date.now() + 10_000), 1);
      assert.equal((await record.write("stale", second)) ?? undefined, undefined);
      const successor = await record.write("successor", undefined);
      for (const stale of [first, second]) assert.equal((await record.write("stale", stale)) ?? undefined, undefined, `${stale} passed for ${successor}`);
      assert.equal((await record.read()).text, "successor");
    },
  },
  {
    name: "wrong parameters are a TypeError",
    for: ({ broken }) => !broken,
    async run({ open }) {
      const { store } = await open();
      for (const name of [undefined, "", 7, "a\0b"]) assert.throws(() => store.record(name), TypeError);
      for (const ttlSeconds of [0, -1, NaN, Infinity, "1", null]) assert.throws(() => store.record("a", { ttlSeconds }), TypeError);
    },
  },
  {
    name: "what was written is there when the store is opened again",
    for: ({ durable }) => durable,
    async run({ open }) {
      const first = await open();
      const version = await first.store.record("a").write("text", undefined);
      first.close();
      assert.deepEqual({ ...(await (await open()).store.record("a").read()) }, { text: "text", version });
    },
  },
  {
    name: "4 processes that read, add one and write lose no addition",
    for: ({ durable }) => durable,
    async run({ open, start }) {
      const processes = Array.from({ length: 4 }, () => start({ do: "count", times: 50 }));
      for (const { result } of processes) await result();
      const won = processes.flatMap(({ lines }) => lines);
      assert.equal(new Set(won.map(({ version }) => version)).size, 200, "a version was won twice");
      assert.deepEqual(won.map(({ count }) => count).sort((a, b) => a - b), Array.from({ length: 200 }, (_, index) => index + 1));
      assert.equal((await (await open()).store.record("count").read()).text, '{"count":200}');
    },
  },
  {
    name: "what a process was told is written survives its SIGKILL",
    for: ({ durable }) => durable,
    async run({ open, start }) {
      for (let round = 1; round <= 3; round += 1) {
        const writer = start({ do: "count", times: 1_000_000 });
        await writer.line(20 * round);
        await writer.kill();
        const { count } = writer.lines.at(-1);
        const found = await (await open()).store.record("count").read();
        assert.ok(found !== undefined && JSON.parse(found.text).count >= count, `${count} was written, ${found?.text} is there`);
      }
    },
  },
  {
    name: "a write waits while another process has the lock",
    for: ({ sqlite }) => sqlite,
    async run({ open, start, folder }) {
      const { store } = await open();
      await store.record("a").write("before", undefined);
      const locker = start({ do: "lock", file: path.join(folder, "records.db"), ms: 700 });
      await locker.line(1);
      let beats = 0;
      const beat = setInterval(() => (beats += 1), 10);
      const begun = Date.now();
      assert.ok(await store.record("b").write("after", undefined));
      clearInterval(beat);
      assert.ok(Date.now() - begun > 200, `it took ${Date.now() - begun} ms`);
      assert.ok(beats >= 3, "nothing else was done meanwhile");
      await locker.result();
      // One that was not open before: its schema and its journal mode have to wait, too.
      const second = start({ do: "lock", file: path.join(folder, "records.db"), ms: 300 });
      await second.line(1);
      assert.equal((await (await open()).store.record("b").read()).text, "after");
      await second.result();
    },
  },
  {
    name: "commits are synced: WAL, synchronous=FULL",
    for: ({ sqlite }) => sqlite,
    async run({ folder }) {
      const db = await openDatabase(path.join(folder, "records.db"));
      await new SqliteStore(db).names();
      assert.equal(db.prepare("PRAGMA journal_mode").get().journal_mode, "wal");
      assert.equal(db.prepare("PRAGMA synchronous").get().synchronous, 2);
      assert.equal(db.prepare("PRAGMA secure_delete").get().secure_delete, 1);
      db.close();
    },
  },
  {
    name: "a database in memory, an open transaction and a closed database are refused",
    for: ({ sqlite }) => sqlite,
    async run({ folder }) {
      await assert.rejects(new SqliteStore(await openDatabase(":memory:")).names(), /in memory/);
      const db = await openDatabase(path.join(folder, "records.db"));
      const store = new SqliteStore(db);
      await store.record("a").write("text", undefined);
      db.exec("BEGIN");
      await assert.rejects(store.record("b").write("text", undefined), /transaction is open/);
      db.exec("ROLLBACK");
      assert.ok(await store.record("b").write("text", undefined));
      db.close();
      await assert.rejects(async () => store.record("c").write("text", undefined));
      for (const wrong of [undefined, {}, { exec() {} }]) assert.throws(() => new SqliteStore(wrong), TypeError);
    },
  },
  {
    name: "what is sealed can't be read in the file",
    for: ({ sqlite }) => sqlite,
    async run({ open, kind, folder }) {
      const { store } = await open();
      let version;
      for (const text of ["a very secret text", "another very secret text"]) version = await store.record("a").write(text, version);
      const bytes = Buffer.concat(readdirSync(folder).map((name) => readFileSync(path.join(folder, name))));
      assert.equal(bytes.includes("very secret"), !kind.sealed);
    },
  },
  {
    name: "sealing keys are rotated; what was altered or moved, or has another key, is refused",
    for: ({ sealed }) => sealed,
    async run({ open, folder }) {
      const { store } = await open();
      await store.record("a").write("of a", undefined);
      const db = await openDatabase(path.join(folder, "records.db"));
      const rotated = new SqliteStore(db, { seal: aesGcmSealer([NEW_KEY, OLD_KEY]) });
      const found = await rotated.record("a").read();
      assert.equal(found.text, "of a");
      await assert.rejects(new SqliteStore(db, { seal: aesGcmSealer([NEW_KEY]) }).record("a").read(), /can't be opened/);
      await assert.rejects(new SqliteStore(db, { seal: aesGcmSealer([{ ...OLD_KEY, key: key(9) }]) }).record("a").read(), /can't be opened/);
      assert.ok(await rotated.record("a").write("of a, again", found.version));
      await assert.rejects(store.record("a").read(), /can't be opened/);
      assert.equal((await new SqliteStore(db, { seal: aesGcmSealer([NEW_KEY]) }).record("a").read()).text, "of a, again");
      db.exec("UPDATE relay_edge_records SET name = 'b' WHERE name = 'a'");
      await assert.rejects(rotated.record("b").read(), /can't be opened/);
      db.exec("UPDATE relay_edge_records SET name = 'a', content = x'00'");
      await assert.rejects(rotated.record("a").read(), /can't be opened/);
      db.close();
    },
  },
  {
    name: "the sealer's form is one of version, key and bytes, never the same twice",
    for: ({ sealed }) => sealed,
    async run() {
      const sealer = aesGcmSealer([OLD_KEY]);
      const [one, two] = [await sealer.seal("n", "text"), await sealer.seal("n", "text")];
      assert.match(one, /^1\.old\.[A-Za-z0-9_-]+$/);
      assert.notEqual(one, two);
      for (const wrong of ["", "1.old", `2${one.slice(1)}`, `${one}.x`, one.replace("old", "new"), `${one.slice(0, -2)}AA`, "1.old.!!"]) {
        await assert.rejects(sealer.open("n", wrong), /can't be opened/);
      }
      for (const keys of [undefined, [], [{}], [{ id: "a.b", key: key(1) }], [{ id: "a", key: new Uint8Array(16) }], [OLD_KEY, OLD_KEY]]) {
        assert.throws(() => aesGcmSealer(keys), TypeError);
      }
    },
  },
].map((one) => ({ for: always, ...one }));
