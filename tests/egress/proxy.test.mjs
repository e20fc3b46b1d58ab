/** The lines of docs/hosting.md, in the examples as a user would put them there: anonymous calls through a proxy, purchases not. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, test } from "node:test";
import { exampleCommand, exampleProject } from "../../scripts/lib/example.mjs";
import { inRoot } from "../../scripts/lib/program.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { HostFailed, startHost } from "../support/hosts.mjs";
import { PROXY_ADDRESS, startProxy } from "../support/proxy.mjs";
import { recordedFlow } from "./flow.mjs";
import { CALLS, PROXIED, wrongHeaders } from "./headers.mjs";

const FILES = /** @type {const} */ ({ deno: "deno.ts", bun: "bun.ts", node: "node.mjs" });
const TITLES = { deno: "Deno", bun: "Bun", node: "Node" };

let simulator;
before(async () => (simulator = await startSimulator()));
after(() => simulator?.close());

/** The example with lines put before `openGateway`. @param {keyof typeof FILES} host @param {string} lines */
function exampleWith(host, lines, name) {
  const folder = exampleProject();
  const undici = path.join(folder, "node_modules/undici");
  if (!existsSync(undici)) symlinkSync(inRoot("node_modules/undici"), undici);
  const example = readFileSync(path.join(folder, FILES[host]), "utf8");
  const edited = example.replace("const gateway = openGateway({", `${lines}\nconst gateway = openGateway({ anonymousFetch,`);
  assert.notEqual(edited, example);
  const file = `${name}${path.extname(FILES[host])}`;
  writeFileSync(path.join(folder, file), edited);
  return file;
}

function documented(host) {
  const page = readFileSync(inRoot("docs/hosting.md"), "utf8");
  const [, lines] = new RegExp(`^\`\`\`[tj]s\\n// ${TITLES[host]}\\b.*\\n([^]*?)^\`\`\`$`, "m").exec(page) ?? [];
  assert.ok(lines, `docs/hosting.md has no lines for ${host}`);
  return lines;
}

for (const host of /** @type {(keyof typeof FILES)[]} */ (Object.keys(FILES))) {
  const example = exampleCommand(host);
  const skip = "missing" in example ? example.missing : false;

  for (const delayed of [false, true]) {
    test(`${host}: ${delayed ? "later, " : ""}through a proxy`, { skip }, async (t) => {
      const proxy = await startProxy();
      t.after(() => proxy.close());
      const file = exampleWith(host, documented(host), `proxied-${host}`);
      const flow = await recordedFlow(simulator, (upstream, bindings) =>
        startHost(host, { upstream, file, bindings: { ...bindings, ANONYMOUS_PROXY: proxy.url, ...(delayed && { REDEEM_DELAY_S: "0-1" }) } }));
      assert.equal(flow.egress, delayed ? "custom+delayed" : "custom");
      const anonymous = Object.keys(CALLS).flatMap((call) => flow.of(call));
      assert.ok(flow.of("redeem").length > 0);
      assert.deepEqual(anonymous.flatMap((request) => wrongHeaders(request, PROXIED[host])), []);
      assert.deepEqual([...new Set(anonymous.map(({ remoteAddress }) => remoteAddress))], [PROXY_ADDRESS]);
      assert.deepEqual([...new Set(flow.purchases.map(({ remoteAddress }) => remoteAddress))], ["127.0.0.1"]);
      assert.ok(proxy.asked.length > 0 && proxy.asked.every((target) => !target.includes("privacy-passes")), proxy.asked.join());
    });
  }

  test(`${host}: what is no function is refused`, { skip }, async () => {
    const file = exampleWith(host, 'const anonymousFetch = "http://127.0.0.1:1";', `refused-${host}`);
    const error = await startHost(host, { file }).then((gateway) => gateway.close().then(() => undefined), (error) => error);
    assert.ok(error instanceof HostFailed && error.output.includes("anonymousFetch must be a function"), error?.output);
  });
}
