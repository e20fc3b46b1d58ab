// HTTP/1.1 as the benchmark's load, upstream and KV need it: messages with `content-length`, over connections that are kept. Node's
// own client and server take several times as much of the two cores that the gateway is measured on.

/**
 * Reads what comes over a socket.
 *
 * @param {import('node:net').Socket} socket
 * @param {(message: { head: string, body: string }) => void} take is given each message when it is whole; `head`: the first line
 *   and the headers. A `GET` or `DELETE` has no body where it names no length
 */
export function onMessages(socket, take) {
  let text = '';
  socket.setEncoding('latin1'); // a byte is a character, so that lengths are those of the header
  socket.on('data', (piece) => {
    text += piece;
    for (;;) {
      const end = text.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = text.slice(0, end);
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? (/^(?:GET|DELETE) /.test(head) ? 0 : NaN));
      if (Number.isNaN(length)) return void socket.destroy(new Error(`a message without content-length: ${head}`));
      const whole = end + 4 + length;
      if (text.length < whole) return;
      const body = text.slice(end + 4, whole);
      text = text.slice(whole);
      take({ head, body: Buffer.from(body, 'latin1').toString() });
    }
  });
}

/** A message as it is sent. @param {string} start its first line @param {Record<string, string>} headers @param {string} body */
export function message(start, headers, body) {
  const lines = Object.entries({ ...headers, 'content-length': String(Buffer.byteLength(body)) }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${start}\r\n${lines.join('')}\r\n${body}`;
}
