/**
 * What `openGateway` does within one process. A program, for the Node that runs the tests may have no SQLite; prints what it
 * saw as JSON. `open_gateway.mjs LIBRARY FOLDER BINDINGS`
 */
import { DatabaseSync } from "node:sqlite";

const [library, folder, json] = process.argv.slice(2);
const { openGateway } = await import(new URL("gateway.js", library).href);
const bindings = JSON.parse(json);
console.log = console.warn = () => {}; // the gateway's log
const complaints = [];
console.error = (line) => complaints.push(JSON.parse(line).code);

const problems = (options) => {
  try {
    openGateway(options);
    return "it opened";
  } catch (error) {
    return [error.name, ...error.problems];
  }
};
const seen = {};

const file = new DatabaseSync(`${folder}/relay-edge.db`);
/** How often it is made sure that something is on the disk. */
let writes = 0;
const counting = {
  exec: (sql) => file.exec(sql),
  close: () => file.close(),
  prepare(sql) {
    const statement = file.prepare(sql);
    const run = (...values) => {
      const inTransaction = file.isTransaction ?? inside;
      if (sql === "BEGIN IMMEDIATE") inside = true;
      if (sql === "COMMIT" || (!inTransaction && !/^(BEGIN|ROLLBACK)/.test(sql))) writes += 1;
      if (sql === "COMMIT" || sql === "ROLLBACK") inside = false;
      return statement.run(...values);
    };
    return { run, get: (...values) => statement.get(...values), all: (...values) => statement.all(...values) };
  },
};
let inside = false;

seen.noDatabase = problems({ env: bindings });
seen.noSqlite = problems({ env: bindings, database: {} });
seen.inMemory = problems({ env: bindings, database: new DatabaseSync(":memory:") });
seen.open = problems({ env: { ...bindings, STORE_KEYS: undefined } });

const environment = { ...bindings };
const gateway = openGateway({ env: environment, database: counting });
for (const name of Object.keys(environment)) environment[name] = "changed after it was read";
seen.mode = gateway.mode;
seen.twice = problems({ env: bindings, database: counting });

const { fetch } = gateway; // without its object
const token = bindings.GATEWAY_TOKENS.slice(bindings.GATEWAY_TOKENS.indexOf(":") + 1).split(",")[0];
async function call(path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(new Request(`http://gateway${path}`, { method: "POST", headers, body: JSON.stringify(body) }));
  return { status: response.status, body: await response.json() };
}
writes = 0;
const { body: relay } = await call("/relays", { "claim-type": "age_over18_united_kingdom", "encryption-key-pem": null });
const relayToken = relay["relay-token"];
await globalThis.fetch(`${bindings.PERSONA_BASE_URL}/_simulator/relays/${relayToken}/complete`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"result":"passed"}' });
seen.issued = (await call("/relays/privacy-passes", { "relay-token": relayToken })).status;
seen.redeemed = (await call(`/relays/${relayToken}/redeem`, {})).status;
seen.writes = writes;

// An object that nobody can open rings too: it is complained about, and put off instead of ringing without end.
file.prepare("INSERT INTO gateway_subjects (object, kind, sealed) VALUES ('relay:altered', 'relay', '1.k1.AAAA')").run();
// 20 that promised long ago not to start, which is over: more than ring at once.
for (let index = 0; index < 20; index += 1) {
  file.prepare("INSERT INTO gateway_flags (object, name, value) VALUES (?, 'moved', 1)").run(`key:over-${index}`);
  file.prepare("INSERT INTO gateway_alarms (object, at) VALUES (?, 1)").run(`key:over-${index}`);
}
file.prepare("INSERT INTO gateway_alarms (object, at) VALUES ('relay:altered', 0)").run();
await call(`/relays/${relayToken}/redeem`, {});
await gateway.close();
seen.closed = (await call("/relays", {})).status;
seen.isOpen = file.isOpen ?? false;

const second = openGateway({ env: bindings, database: new DatabaseSync(`${folder}/relay-edge.db`) });
await new Promise((resolve) => setTimeout(resolve, 1000));
await second.close();
seen.complaints = complaints;
const after = new DatabaseSync(`${folder}/relay-edge.db`);
seen.flags = after.prepare("SELECT DISTINCT name FROM gateway_flags").all().map(({ name }) => name);
seen.alarms = after.prepare("SELECT object, at FROM gateway_alarms ORDER BY at").all().map(({ object, at }) => [object.split(":")[1].slice(0, 7), at > Date.now()]);
after.close();
process.stdout.write(JSON.stringify(seen));
process.exit(0);
