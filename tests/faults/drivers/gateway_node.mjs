/** The gateway outside Cloudflare, as it is deployed under Node: examples/gateway/node.mjs on a SQLite file. */
import { exampleCommand } from "../../../scripts/lib/example.mjs";
import { startHost } from "../../support/hosts.mjs";
import { deployment } from "../lib/deployment.mjs";

/** @type {import("../lib/lane.mjs").Driver} */
export const gatewayNode = {
  name: "gateway-node",
  kills: true,
  get available() {
    const example = exampleCommand("node");
    return "missing" in example ? example.missing : true;
  },
  each: true,
  keepsPass: true,
  keyed: true,
  // As in workerd: 4 tries of 10 s.
  tries: 4,
  hangMs: 10_500,
  slow: true,
  async start({ upstream, directory, secrets }) {
    const { bindings, headers } = deployment(secrets);
    const { url, logs, close } = await startHost("node", { bindings, upstream, durableObjectsPersist: directory });
    return { url, headers, logs, kill: close, close };
  },
};
