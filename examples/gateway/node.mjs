// The gateway under Node 22.13 or newer: docs/hosting.md.
//
//   node node.mjs
import http from "node:http";
import { DatabaseSync } from "node:sqlite";
import { nodeListener, openGateway } from "relay-edge/gateway";

const { DATABASE = "relay-edge.db", HOST = "127.0.0.1", PORT = "8787" } = process.env;

const gateway = openGateway({ env: process.env, database: new DatabaseSync(DATABASE) });
const server = http.createServer(nodeListener(gateway));
server.listen(Number(PORT), HOST, () => console.log(`ready http://${HOST}:${server.address().port}`));

async function stop() {
  // Answers what was asked, and ends what callers did not wait for: in 30 s at most (STOP_WITHIN_S).
  await gateway.close({ stopServer: () => new Promise((resolve) => server.close(resolve)) });
  process.exit();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
