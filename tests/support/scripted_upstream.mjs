/** An upstream that says whatever a test wants it to, and remembers what it was asked. */
import http from "node:http";

/**
 * @typedef {{ method: string, path: string, headers: http.IncomingHttpHeaders, body: string }} Seen
 * @typedef {{ status?: number, headers?: Record<string, string>, body?: unknown } | "hang" | "reset" | ((response: http.ServerResponse) => void)} Reaction
 *   a function writes the answer, or what there is to be of it, by itself
 */

/**
 * @param {(seen: Seen) => Reaction | Promise<Reaction>} react
 * @returns {Promise<{ url: string, requests: Seen[], close: () => Promise<void> }>}
 */
export async function startScriptedUpstream(react) {
  /** @type {Seen[]} */
  const requests = [];
  const server = http.createServer((request, response) => {
    /** @type {Buffer[]} */
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const seen = {
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(chunks).toString("utf8"),
      };
      requests.push(seen);
      const reaction = await react(seen);
      if (reaction === "hang") return;
      if (reaction === "reset") return void request.socket.resetAndDestroy();
      if (typeof reaction === "function") return void reaction(response);
      const { status = 200, headers = {}, body = {} } = reaction;
      response.writeHead(status, { "content-type": "application/json", "request-id": "req-scripted-1", ...headers });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * What another upstream answers.
 *
 * @param {{ url: string }} upstream @param {Seen} seen
 * @returns {Promise<Reaction>}
 */
export async function forward(upstream, { method, path, headers, body }) {
  const { host: _host, connection: _connection, "content-length": _length, "accept-encoding": _encoding, ...rest } = headers;
  const response = await fetch(upstream.url + path, { method, headers: /** @type {Record<string, string>} */ (rest), body });
  return { status: response.status, headers: { "www-authenticate": response.headers.get("www-authenticate") ?? "none" }, body: await response.text() };
}
