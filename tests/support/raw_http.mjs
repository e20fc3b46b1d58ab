/** HTTP as `fetch` would not send it: bytes on a socket. */
import net from "node:net";

/**
 * Sends bytes as they are and reads the answer until the server closes or the answer is whole.
 *
 * @param {number} port on 127.0.0.1
 * @param {string | Uint8Array | (string | Uint8Array)[]} parts each written after the one before was flushed
 * @returns {Promise<{ status: number, headers: Record<string, string>, text: string, json: any }>}
 */
export function rawRequest(port, parts) {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1");
    let received = Buffer.alloc(0);
    socket.setTimeout(20_000, () => socket.destroy(new Error(`no whole answer, only: ${received}`)));
    const finish = () => {
      const answer = parse(received);
      if (answer === undefined) return false;
      socket.destroy();
      resolve(answer);
      return true;
    };
    socket.on("data", (data) => {
      received = Buffer.concat([received, data]);
      finish();
    });
    // A server may answer and close while the request is still being written.
    socket.on("error", (error) => void (finish() || reject(error)));
    socket.on("close", () => void (finish() || reject(new Error(`closed without a whole answer: ${received}`))));
    const queue = [parts].flat();
    const next = () => {
      // What is written to a server that has answered and closed resets the connection, and takes the answer with it.
      const part = received.length === 0 ? queue.shift() : undefined;
      if (part !== undefined && !socket.destroyed) socket.write(part, () => setTimeout(next, queue.length > 20 ? 0 : 2));
    };
    socket.on("connect", next);
  });
}

/**
 * The text of a request. `path` is written as it is.
 *
 * @param {string} method @param {string} path @param {Record<string, string>} [headers] @param {string} [body]
 */
export function requestText(method, path, headers = {}, body = undefined) {
  const all = { host: "127.0.0.1", ...(body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) }), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n${body ?? ""}`;
}

/** @param {Buffer} received */
function parse(received) {
  const end = received.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = received.subarray(0, end).toString("latin1").split("\r\n");
  /** @type {Record<string, string>} */
  const headers = {};
  for (const line of lines) headers[line.slice(0, line.indexOf(":")).toLowerCase()] = line.slice(line.indexOf(":") + 1).trim();
  let body = received.subarray(end + 4);
  if (headers["transfer-encoding"] === "chunked") {
    const chunks = [];
    for (;;) {
      const at = body.indexOf("\r\n");
      if (at < 0) return undefined;
      const size = Number.parseInt(body.subarray(0, at).toString("latin1"), 16);
      if (body.length < at + 2 + size + 2) return undefined;
      if (size === 0) break;
      chunks.push(body.subarray(at + 2, at + 2 + size));
      body = body.subarray(at + 2 + size + 2);
    }
    body = Buffer.concat(chunks);
  } else if (body.length < Number(headers["content-length"] ?? 0)) {
    return undefined;
  }
  const text = body.toString("utf8");
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: Number(first.split(" ")[1]), headers, text, json };
}
