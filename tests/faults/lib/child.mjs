/**
 * A server of the gateway contract in a process of its own, over one of the drivers. Runs under Node, Bun and Deno. The
 * settings, in JSON, are the argument; it prints `ready PORT`, and ends with its stdin.
 */
import crypto from "node:crypto";
import http from "node:http";
import path from "node:path";
import process from "node:process";

const { kind, upstream, directory, library, apiKey, timeoutMs, tries, secrets } = JSON.parse(process.argv[2]);
const { Persona, blindPrivacyPass, finalizePrivacyPass } = await import(new URL("./node.js", library).href);
const options = { baseUrl: upstream, timeoutMs, maxRetries: tries - 1, deadlineMs: 20_000 };
const persona = new Persona({ ...options, apiKey });

/** @type {Record<string, () => Promise<{ purchase: (relay: any) => Promise<any>, redeem: (relay: any) => Promise<any> }>>} */
const KINDS = {
  memory: async () => overLedger(new (await import(new URL("./stores.js", library).href)).MemoryStore()),
  sqlite: async () => overLedger(await sqliteStore()),
  records: async () => overRecords(new (await import(new URL("./stores.js", library).href)).MemoryStore()),
  stateless: async () => ({ purchase: buyStateless, redeem: redeemStateless }),
};

async function sqliteStore() {
  const { SqliteStore, aesGcmSealer } = await import(new URL("./stores.js", library).href);
  const Database = globalThis.Bun === undefined ? (await import("node:sqlite")).DatabaseSync : (await import("bun:sqlite")).Database;
  const keys = secrets.storeKeys.split(",").map((entry) => entry.split(":")).map(([id, key]) => ({ id, key: Uint8Array.from(atob(key), (char) => char.charCodeAt(0)) }));
  return new SqliteStore(new Database(path.join(directory, "ledger.db")), { seal: aesGcmSealer(keys) });
}

async function overLedger(store) {
  const { RelayLedger } = await import(new URL("./ledger.js", library).href);
  const ledger = new RelayLedger({ ...options, apiKey, store, idempotencySecret: secrets.idempotencySecret });
  return {
    purchase: (relay) => ledger.issuePrivacyPass(relay),
    redeem: ({ privacyPassToken, ...relay }) => ledger.generateClaim(privacyPassToken === undefined ? relay : { ...relay, privacyPassToken }),
  };
}

/** The SDK's durable calls over bare records: nothing joins callers, only compare-and-set keeps them apart. */
function overRecords(store) {
  return {
    purchase: ({ relayToken, relaySecret }) =>
      persona.relays.issuePrivacyPass({ relayToken, relaySecret }, { record: store.record(`purchase/${relayToken}`), idempotencySecret: `${secrets.idempotencySecret}/${relayToken}` }),
    redeem: ({ relayToken, relaySecret, privacyPassToken }) =>
      persona.relays.generateClaim({ relayToken, relaySecret, privacyPassToken }, { record: store.record(`redemption/${relayToken}`) }),
  };
}

/** As the vendor's gateway does it: nothing is kept, and each call has a key of its own, which only its own tries share. */
async function buyStateless({ relayToken, relaySecret }) {
  const asked = await post(`/api/privacy/v1/relays/${relayToken}/generate-claim`, { "persona-relay-secret": relaySecret });
  if (asked.status !== 401) throw refusal(asked);
  const { blindedToken, keyId, pendingPass } = blindPrivacyPass({ wwwAuthenticate: asked.wwwAuthenticate });
  const headers = { authorization: `Bearer ${apiKey}`, "idempotency-key": crypto.randomUUID() };
  const bought = await post("/api/v1/privacy-passes", headers, { "blinded-token": blindedToken, "key-id": keyId });
  if (bought.status !== 200) throw refusal(bought);
  return finalizePrivacyPass({ pendingPass, blindSig: bought.body["blind-sig"] });
}

async function redeemStateless({ relayToken, relaySecret, privacyPassToken }) {
  const headers = { authorization: `PrivateToken token=${privacyPassToken}`, "persona-relay-secret": relaySecret, "idempotency-key": crypto.randomUUID() };
  const redeemed = await post(`/api/privacy/v1/relays/${relayToken}/generate-claim`, headers);
  if (redeemed.status !== 200) throw refusal(redeemed);
  return { claimPayload: redeemed.body["claim-payload"], tokenConsumed: redeemed.body["token-consumed"] };
}

async function post(to, headers, body = {}) {
  for (let left = tries - 1; ; left--) {
    try {
      const response = await fetch(upstream + to, {
        method: "POST",
        headers: { "content-type": "application/json", "key-inflection": "kebab", ...headers },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const answer = { status: response.status, wwwAuthenticate: response.headers.get("www-authenticate"), body: await response.json() };
      if (left === 0 || (answer.status !== 429 && answer.status < 500)) return answer;
    } catch (error) {
      if (left === 0) throw Object.assign(new Error("transport"), { statusCode: 502, code: "transport_failed", cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const refusal = ({ status, body }) => Object.assign(new Error("refused"), { statusCode: status, code: body?.errors?.[0]?.code ?? "upstream_rejected" });

/** The clock, which the tests move on. */
let shiftedMs = 0;
const realNow = Date.now;
Date.now = () => realNow() + shiftedMs;

const driver = await KINDS[kind]();

const ROUTES = [
  [/^\/relays$/, async (_, body) => {
    const relay = await persona.relays.create({ claimType: body["claim-type"] });
    return { "relay-token": relay.relayToken, "relay-secret": relay.relaySecret };
  }],
  [/^\/relays\/privacy-passes$/, async (_, body, relaySecret, idempotencyKey) => {
    const bought = await driver.purchase(body["relay-token"] === undefined ? { claimType: body["claim-type"], idempotencyKey } : { relayToken: body["relay-token"], relaySecret });
    return { "privacy-pass-token": bought.privacyPassToken, replayed: bought.replayed };
  }],
  [/^\/relays\/([^/]+)\/redeem$/, async ([, relayToken], body, relaySecret) => {
    const claim = await driver.redeem({ relayToken, relaySecret, privacyPassToken: body["privacy-pass-token"] });
    return { "claim-payload": claim.claimPayload, "token-consumed": claim.tokenConsumed, replayed: claim.replayed };
  }],
  [/^\/_clock$/, async (_, body) => ({ shifted: (shiftedMs += body["shift-ms"]) })],
];

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  // A caller that is gone is no concern of the work that was begun for it.
  for (const stream of [request, response]) stream.on("error", () => {});
  request.on("end", () => void answer(request, Buffer.concat(chunks).toString(), response));
});

async function answer(request, text, response) {
  const write = (status, body, headers = {}) => {
    if (response.destroyed) return;
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
  try {
    for (const [pattern, run] of ROUTES) {
      const found = pattern.exec(request.url ?? "");
      if (!found) continue;
      const { replayed, ...body } = await run(found, JSON.parse(text), request.headers["persona-relay-secret"], request.headers["idempotency-key"]);
      return write(200, body, replayed ? { "idempotent-replayed": "true" } : {});
    }
    write(404, { errors: [{ title: "no such path" }] });
  } catch (error) {
    if (error.statusCode === undefined) process.stderr.write(`${error.stack ?? error}\n`);
    const retryAfter = error.retryAfter === undefined ? {} : { "retry-after": String(error.retryAfter) };
    write(error.statusCode ?? 500, { errors: [{ title: error.message, code: error.code ?? "fault", details: error.details }] }, retryAfter);
  }
}

server.listen(0, "127.0.0.1", () => process.stdout.write(`ready ${server.address().port}\n`));
process.stdin.on("data", () => {});
process.stdin.on("end", () => process.exit(0));
