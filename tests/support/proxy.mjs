/** A small HTTP proxy: CONNECT, and requests with a whole URL. It speaks from an address of its own, as one elsewhere would. */
import http from "node:http";
import net from "node:net";

/** Where it speaks from. */
export const PROXY_ADDRESS = "127.0.0.2";

/** @returns {Promise<{ url: string, asked: string[], close: () => Promise<void> }>} `asked`: what it was asked for, method and target */
export async function startProxy() {
  /** @type {string[]} */
  const asked = [];
  const sockets = new Set();
  const server = http.createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    const headers = request.rawHeaders.flatMap((name, index) => (index % 2 === 0 && !/^proxy-/i.test(name) ? [name, request.rawHeaders[index + 1]] : []));
    const onward = http.request(request.url ?? "", { method: request.method, headers, localAddress: PROXY_ADDRESS }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(response);
    });
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  });
  server.on("connect", (request, client) => {
    asked.push(`CONNECT ${request.url}`);
    const [host, port] = (request.url ?? "").split(":");
    const onward = net.connect({ host, port: Number(port), localAddress: PROXY_ADDRESS }, () => client.write("HTTP/1.1 200 OK\r\n\r\n"));
    for (const [socket, other] of [[client, onward], [onward, client]]) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => (sockets.delete(socket), other.destroy()));
      socket.pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
