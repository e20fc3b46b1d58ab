// The gateway under Deno: docs/hosting.md.
//
//   deno run --allow-net --allow-env --allow-read --allow-write deno.ts
import { DatabaseSync } from "node:sqlite";
import { openGateway } from "relay-edge/gateway";

const env = Deno.env.toObject();
const { DATABASE = "relay-edge.db", HOST = "127.0.0.1", PORT = "8787" } = env;

const gateway = openGateway({ env, database: new DatabaseSync(DATABASE) });
const server = Deno.serve({ hostname: HOST, port: Number(PORT), onListen() {} }, gateway.fetch);

async function stop() {
  // Answers what was asked, and ends what callers did not wait for: in 30 s at most (STOP_WITHIN_S).
  await gateway.close({ stopServer: () => server.shutdown() });
  Deno.exit();
}
Deno.addSignalListener("SIGTERM", stop);
Deno.addSignalListener("SIGINT", stop);
console.log(`ready http://${HOST}:${server.addr.port}`);
