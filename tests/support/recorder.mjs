/**
 * A TCP server in front of an upstream that records what comes before any HTTP library has touched it: the names of headers
 * in their order and case, values, bodies, and which connection a request came over, when.
 */
import net from "node:net";

/**
 * @typedef {object} Sent
 * @property {number} connection counts the connections, from 1
 * @property {string} remoteAddress of the peer
 * @property {number} remotePort of the peer
 * @property {number} nth of its connection, from 1
 * @property {number} at when its first byte came, milliseconds since 1970
 * @property {string} method
 * @property {string} target
 * @property {[string, string][]} headers as they came
 * @property {string} body
 */

/**
 * @param {{ port: number }} upstream on 127.0.0.1
 * @returns {Promise<{ url: string, port: number, requests: Sent[], close: () => Promise<void> }>} `requests`: whole ones, oldest first
 */
export async function startRecorder({ port: target }) {
  /** @type {Sent[]} */
  const requests = [];
  const sockets = new Set();
  let connections = 0;
  const server = net.createServer((client) => {
    const parser = new Requests({ connection: (connections += 1), remoteAddress: client.remoteAddress ?? "", remotePort: client.remotePort ?? 0 }, requests);
    const upstream = net.connect(target, "127.0.0.1");
    client.on("data", (bytes) => parser.take(bytes));
    for (const [socket, other] of [[client, upstream], [upstream, client]]) {
      sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => (sockets.delete(socket), other.destroy()));
      socket.setNoDelay(true);
      socket.pipe(other);
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {net.AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** The requests of one connection. */
class Requests {
  #bytes = Buffer.alloc(0);
  #nth = 0;
  #at = 0;

  /** @param {{ connection: number, remoteAddress: string, remotePort: number }} of @param {Sent[]} requests */
  constructor(of, requests) {
    this.of = of;
    this.requests = requests;
  }

  /** @param {Buffer} bytes */
  take(bytes) {
    if (this.#bytes.length === 0) this.#at = Date.now();
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (let end = this.#head(); end > 0; end = this.#head()) {
      const [line = "", ...lines] = this.#bytes.subarray(0, end).toString("latin1").split("\r\n");
      const headers = lines.map((text) => /** @type {[string, string]} */ ([text.slice(0, text.indexOf(":")), text.slice(text.indexOf(":") + 1).trim()]));
      const value = (/** @type {string} */ wanted) => headers.find(([name]) => name.toLowerCase() === wanted)?.[1];
      const read = value("transfer-encoding") === "chunked" ? this.#chunks(end + 4) : this.#plain(end + 4, Number(value("content-length") ?? 0));
      if (read === undefined) return;
      const [method = "", target = ""] = line.split(" ");
      this.requests.push({ ...this.of, nth: (this.#nth += 1), at: this.#at, method, target, headers, body: read.body });
      this.#bytes = this.#bytes.subarray(read.end);
      this.#at = Date.now();
    }
  }

  #head() {
    return this.#bytes.indexOf("\r\n\r\n");
  }

  /** @param {number} start @param {number} length */
  #plain(start, length) {
    const end = start + length;
    return this.#bytes.length < end ? undefined : { end, body: this.#bytes.subarray(start, end).toString("utf8") };
  }

  /** @param {number} start */
  #chunks(start) {
    const parts = [];
    for (let at = start; ; ) {
      const line = this.#bytes.indexOf("\r\n", at);
      if (line < 0) return undefined;
      const size = Number.parseInt(this.#bytes.subarray(at, line).toString("latin1"), 16);
      const next = line + 2 + size + 2;
      if (this.#bytes.length < next) return undefined;
      if (size === 0) return { end: next, body: Buffer.concat(parts).toString("utf8") };
      parts.push(this.#bytes.subarray(line + 2, line + 2 + size));
      at = next;
    }
  }
}
