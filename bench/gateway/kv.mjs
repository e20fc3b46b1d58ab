// Workers KV as the gateway's benchmark needs it, in a process of its own, for on Cloudflare it is another machine: entries in
// memory, over HTTP as workerd asks for them (`GET`, `PUT` and `DELETE /NAME?…`). They are kept for as long as the process lives. The
// parent sends `{ report: true }` for the times since the last report: from when a call was read to when its answer was written.
// Names of entries are hashes, so which lane a call is for, nobody can tell.

import net from 'node:net';
import { clockMs, Spans } from './lanes.mjs';
import { message, onMessages } from './messages.mjs';

const entries = new Map();
let spans = new Spans();

const server = net.createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy()); // workerd has closed it
  onMessages(socket, ({ head, body }) => {
    const start = clockMs();
    const [method, target] = head.split(' ', 2);
    // workerd writes the same name escaped in one call and plain in another.
    socket.write(answer(method, decodeURIComponent(target.split('?', 1)[0]), body));
    spans.add(0, start, clockMs());
  });
});

function answer(method, name, value) {
  const there = entries.get(name);
  if (method === 'GET') return there === undefined ? message('HTTP/1.1 404 Not Found', {}, '') : message('HTTP/1.1 200 OK', {}, there);
  if (method === 'PUT') entries.set(name, value);
  else if (method === 'DELETE') entries.delete(name);
  else throw new Error(`no such method: ${method}`);
  return message('HTTP/1.1 200 OK', {}, '');
}

process.on('message', () => {
  process.send(spans.plain());
  spans = new Spans();
});
process.on('disconnect', () => process.exit());

server.listen(0, '127.0.0.1', () => process.send({ address: `127.0.0.1:${server.address().port}` }));
