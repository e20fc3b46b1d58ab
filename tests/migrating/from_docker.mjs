/** Runs what docs/migrating.md makes of calls and deployments of the vendor's Docker gateway. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { inRoot } from "../../scripts/lib/program.mjs";
import { startGateway } from "../support/gateway.mjs";
import { managedSecrets } from "../worker/support.mjs";
import { after, before, block } from "./page.mjs";
import { PRODUCTION_KEY, books, execute, temporaryFolder } from "./support.mjs";
import { startVendorGateway } from "./vendor/gateway.mjs";

/**
 * Runs calls.sh against a gateway: only its address is put in. The person, who completes the relay before it is redeemed, is
 * played here. `twice`: each purchase and redemption is made a second time, and has to answer the same.
 */
async function runCalls(t, text, gateway, simulator, { token = "", apiKey = "", twice = false } = {}) {
  assert.match(text, /^GATEWAY=/);
  const prelude = `
    once() { command curl --silent --show-error --fail-with-body "$@"; }
    curl() {
      local argument relay
      for argument in "$@"; do
        if [[ $argument =~ /relays/(relay_[[:alnum:]]+)/redeem$ ]]; then relay=\${BASH_REMATCH[1]}; fi
      done
      if [[ -n \${relay-} ]]; then once ${simulator.url}/_simulator/relays/$relay/complete -d '{"result": "passed"}' > /dev/null; fi
      local answer; answer=$(once "$@")
      if [[ ${twice} = true && $* != *'"claim-type"'* ]]; then [[ $(once "$@") = "$answer" ]]; echo repeated >&2; fi
      printf '%s\\n' "$answer"
    }\n`;
  const input = prelude + text.replace(/^GATEWAY=.*$/m, `GATEWAY=${gateway.url}`);
  const env = { PERSONA_API_KEY: apiKey, GATEWAY_TOKEN: token };
  const { code, stdout, stderr } = await execute("bash", ["-euo", "pipefail"], { cwd: temporaryFolder(t), input, env });
  assert.equal(code, 0, text + stdout + stderr);
  assert.match(stdout.trim().split("\n").at(-1), /^\{"claim-payload":"\{.*passed.*\}","token-consumed":true\}$/);
  return stderr;
}

async function gatewayFor(t, simulator, bindings = {}) {
  const gateway = await startGateway({ upstream: simulator.url, bindings });
  t.after(() => gateway.close());
  return gateway;
}

/** The lines of deploy.sh, each run as it can be without an account. */
async function runDeployment(t, text) {
  const folder = temporaryFolder(t);
  const file = path.join(folder, ".env.gateway");
  const env = { PERSONA_API_KEY: PRODUCTION_KEY, WRANGLER_SEND_METRICS: "false", RELAY_EDGE_STATE: folder };
  let shown = "";
  for (const line of text.trim().split("\n")) {
    assert.match(line, /^(?:npx wrangler login|npm run deploy(?: -- --secrets-file \.env\.gateway)?|npm run --silent secrets -- --id \w+ > \.env\.gateway|echo "PERSONA_API_KEY=\$PERSONA_API_KEY" >> \.env\.gateway|rm \.env\.gateway)$/);
    const command = line
      .replace(/^npx wrangler login$/, "$& --help")
      .replace(/^npm run deploy( --)?/, "npm run deploy -- --dry-run")
      .replace(".env.gateway", file);
    const { code, stdout, stderr } = await execute("bash", ["-euo", "pipefail"], { cwd: inRoot("."), input: command, env });
    assert.equal(code, 0, `${command}\n${stdout}${stderr}`);
    shown += stdout;
    if (line.startsWith("echo")) assert.match(readFileSync(file, "utf8"), /^GATEWAY_TOKENS=shop:\S+\nSTORE_KEYS=k1:\S+\nPERSONA_API_KEY=persona_\S+\n$/);
  }
  return shown;
}

export const runs = {
  /** The vendor's calls, as they are: against the stand-in for the vendor's gateway. */
  async "From the Docker gateway, sh 1"(t, simulator) {
    assert.equal(block("From the Docker gateway, sh 1").text, before("calls.sh"));
    const vendor = await startVendorGateway(simulator.url);
    t.after(() => vendor.close());
    await runCalls(t, before("calls.sh"), vendor, simulator, { apiKey: PRODUCTION_KEY });
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
  },

  async "Pass-through mode, diff 1"(t) {
    const shown = await runDeployment(t, after("Pass-through mode, diff 1"));
    assert.doesNotMatch(shown, /env\.PERSONA_API_KEY/);
    assert.match(shown, /env\.RELAYS/);
  },

  /** The base URL changes, and nothing else. */
  async "Pass-through mode, diff 2"(t, simulator) {
    const text = after("Pass-through mode, diff 2");
    assert.equal(text.replace(/^GATEWAY=.*$/m, ""), before("calls.sh").replace(/^GATEWAY=.*$/m, ""));
    await runCalls(t, text, await gatewayFor(t, simulator), simulator, { apiKey: PRODUCTION_KEY });
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
  },

  async "Managed mode, diff 1"(t) {
    const shown = await runDeployment(t, after("Managed mode, diff 1"));
    for (const name of ["PERSONA_API_KEY", "GATEWAY_TOKENS", "STORE_KEYS"]) assert.match(shown, new RegExp(`env\\.${name}\\b`));
  },

  async "Managed mode, diff 2"(t, simulator) {
    const { shop, bindings } = managedSecrets();
    await runCalls(t, after("Managed mode, diff 2"), await gatewayFor(t, simulator, bindings), simulator, { token: shop });
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
  },

  /** And everything but the creation once more. */
  async "Managed mode, diff 3"(t, simulator) {
    const { shop, bindings } = managedSecrets();
    const stderr = await runCalls(t, after("Managed mode, diff 3"), await gatewayFor(t, simulator, bindings), simulator, { token: shop, twice: true });
    assert.equal(stderr.match(/^repeated$/gm).length, 2);
    assert.deepEqual(books(simulator), { billed: 1, spent: 1, doubleBilled: 0 });
  },
};
