// The gateway under Bun: docs/hosting.md.
//
//   bun bun.ts
import { Database } from "bun:sqlite";
import { openGateway } from "relay-edge/gateway";

const { DATABASE = "relay-edge.db", HOST = "127.0.0.1", PORT = "8787" } = process.env;

const gateway = openGateway({ env: process.env, database: new Database(DATABASE) });
const server = Bun.serve({
  hostname: HOST,
  port: Number(PORT),
  fetch: gateway.fetch,
  // A call to Persona may take 25 s; Bun's own limit is 10 s.
  idleTimeout: 60,
  // The gateway refuses bodies over 64 KiB by itself, as it refuses all else.
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  development: false,
});

async function stop() {
  // Answers what was asked, and ends what callers did not wait for: in 30 s at most (STOP_WITHIN_S).
  await gateway.close({ stopServer: () => server.stop() });
  process.exit();
}
process.on("SIGTERM", stop);
process.on("SIGINT", stop);
console.log(`ready http://${HOST}:${server.port}`);
