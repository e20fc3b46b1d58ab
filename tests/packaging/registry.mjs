/** An npm registry on loopback that has this package only, so that package managers can be tested as they are used. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import { description, packedTarball } from "../support/packed.mjs";

/** @returns {Promise<{ url: string, close: () => void }>} `url` with a slash at its end, as registries have it */
export async function startRegistry() {
  const tarball = readFileSync(packedTarball());
  const server = http.createServer((request, response) => {
    const url = `http://${request.headers.host}/`;
    if (request.url === "/relay-edge") response.setHeader("content-type", "application/json").end(JSON.stringify(packument(url, tarball)));
    else if (request.url === "/relay-edge.tgz") response.end(tarball);
    else response.writeHead(404).end("{}");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => server.closeAllConnections() ?? server.close() };
}

function packument(url, tarball) {
  const { name, version, ...rest } = description();
  const dist = {
    tarball: `${url}relay-edge.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    shasum: createHash("sha1").update(tarball).digest("hex"),
  };
  // Of long ago: package managers can be told to leave alone what is new.
  const time = { created: "2026-01-01T00:00:00.000Z", modified: "2026-01-01T00:00:00.000Z", [version]: "2026-01-01T00:00:00.000Z" };
  return { name, "dist-tags": { latest: version }, time, versions: { [version]: { name, version, ...rest, dist } } };
}
