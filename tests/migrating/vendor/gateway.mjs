/** Stands for the vendor's Docker gateway: the calls of docs/protocol.md section 6 over the stand-in for its SDK, nothing kept. */
import http from "node:http";
import { Persona } from "./sdk-node/index.mjs";

/** @param {string} baseUrl of Persona's API @returns {Promise<{ url: string, close: () => void }>} */
export async function startVendorGateway(baseUrl) {
  const server = http.createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request.setEncoding("utf8")) text += chunk;
    const answer = (status, body) => response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    try {
      answer(200, await handle(request, JSON.parse(text), baseUrl));
    } catch ({ statusCode = 500, title = "Internal server error", details, code }) {
      answer(statusCode, { errors: [{ title, details, code }] });
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

async function handle({ url, headers }, body, baseUrl) {
  const relaySecret = headers["persona-relay-secret"];
  const relays = (apiKey) => new Persona({ baseUrl, apiKey }).relays;
  if (url === "/relays") {
    const apiKey = body.sandbox ? "persona_sandbox_" : "";
    const relay = await relays(apiKey).create({ claimType: body["claim-type"], encryptionKeyPem: body["encryption-key-pem"] });
    return { "relay-token": relay.relayToken, "relay-secret": relay.relaySecret, "relay-session-access-token": relay.relaySessionAccessToken };
  }
  if (url === "/relays/privacy-passes") {
    const apiKey = headers.authorization.replace("Bearer ", "");
    const which = body["relay-token"] === undefined ? { claimType: body["claim-type"] } : { relayToken: body["relay-token"], relaySecret };
    return { "privacy-pass-token": (await relays(apiKey).issuePrivacyPass(which)).privacyPassToken };
  }
  const [, relayToken] = /^\/relays\/([\w-]+)\/redeem$/.exec(url);
  const claim = await relays().generateClaim({ relayToken, relaySecret, privacyPassToken: body["privacy-pass-token"] });
  return { "claim-payload": claim.claimPayload, "token-consumed": claim.tokenConsumed };
}
