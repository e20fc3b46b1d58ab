/** A server of files for Deno and for browsers, which may also forward to the simulator. */
import { readFileSync, statSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { forward } from "./forward.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".json": "application/json" };

/**
 * @param {Record<string, string>} folders by the path under which they are served; the first that fits is taken
 * @param {Record<string, string>} [texts] by path
 * @param {{ upstream?: string, headers?: Record<string, string> }} [options] `upstream`: where `/api/` and `/_simulator/` are;
 *   `headers` of every file
 * @returns {Promise<{ url: string, close: () => Promise<void> }>}
 */
export async function serveFolder(folders, texts = {}, { upstream, headers = {} } = {}) {
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://127.0.0.1");
    if (upstream !== undefined && /^\/(?:api|_simulator)\//.test(pathname)) return forward(request, response, upstream);
    const content = Object.hasOwn(texts, pathname) ? texts[pathname] : fileOf(folders, pathname);
    if (content === undefined) return void response.writeHead(404).end();
    const type = TYPES[path.extname(pathname)] ?? "text/html";
    response.writeHead(200, { "content-type": type, ...headers }).end(content);
  });
  // Longer than any client keeps an idle connection: one that is closed under it looks like a fault.
  server.keepAliveTimeout = 10 * 60 * 1000;
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    return closed;
  };
  return { url: `http://127.0.0.1:${server.address().port}`, close };
}

function fileOf(folders, pathname) {
  const prefix = Object.keys(folders).find((name) => pathname.startsWith(name));
  if (prefix === undefined) return undefined;
  const file = path.join(folders[prefix], path.normalize(`/${pathname.slice(prefix.length)}`));
  return statSync(file, { throwIfNoEntry: false })?.isFile() ? readFileSync(file) : undefined;
}
