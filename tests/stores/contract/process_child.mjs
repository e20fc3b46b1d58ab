/** What another process does to a store. The task, in JSON, is the argument; each result is a line of JSON. */
import { kinds, library, openDatabase } from "./kinds.mjs";

const task = JSON.parse(process.argv[2]);
const print = (value) => new Promise((resolve) => process.stdout.write(`${JSON.stringify(value)}\n`, resolve));

const TASKS = {
  /** Counts up in a record, `times` times; each line has the count and the version that was won. */
  async count(store, { times }) {
    const record = store.record("count");
    for (let won = 0; won < times; ) {
      const found = await record.read();
      const count = found === undefined ? 1 : JSON.parse(found.text).count + 1;
      const version = await record.write(JSON.stringify({ count }), found?.version);
      if (version === undefined) continue;
      won += 1;
      await print({ count, version });
    }
  },
  /** Calls a ledger's method. */
  async call(store, { options, method, params }) {
    await print(await new library.RelayLedger({ ...options, store })[method](params));
  },
};

if (task.do === "lock") {
  // Holds the write lock.
  const db = await openDatabase(task.file);
  db.exec("BEGIN IMMEDIATE");
  await print("locked");
  await new Promise((resolve) => setTimeout(resolve, task.ms));
  db.exec("COMMIT");
  db.close();
} else {
  const { store, close } = await kinds[task.kind].open(task.folder);
  await TASKS[task.do](store, task);
  close();
}
