/** schemathesis, which makes requests up from worker/openapi.ts, against a gateway in workerd with the simulator behind it. */
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { inRoot } from "../../scripts/lib/program.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { startGateway } from "../support/gateway.mjs";
import { API_KEY, managedSecrets } from "../worker/support.mjs";

export const MODES = /** @type {const} */ (["managed", "pass-through"]);

/** The first is of hooks.py. */
const CHECKS = [
  "nothing_breaks",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "negative_data_rejection",
  "unsupported_method",
];

/**
 * One run: rounds of so many seconds, until there were so many requests.
 *
 * @param {{ mode: typeof MODES[number], tool: string, seed: number, seconds: number, requests?: number, document?: object, progress?: (text: string) => void }} options
 *   `document`: taken instead of the one that the gateway serves
 * @returns {Promise<{ requests: number, byStatus: Record<string, number>, problems: string[] }>}
 */
export async function fuzz({ mode, tool, seed, seconds, requests = 1, document, progress = () => {} }) {
  const simulator = await startSimulator({ recordedRequests: 0, intercept: (exchange, next) => completed(simulator, exchange, next) });
  const secrets = managedSecrets();
  const managed = mode === "managed";
  const gateway = await startGateway({ upstream: simulator.url, bindings: managed ? { ...secrets.bindings, PASS_POOL: '{"age_over18_germany":3}' } : {} });
  const folder = mkdtempSync(inRoot("build/schema-run-"));
  const answered = () => gateway.logs().filter(({ event }) => event === "request");
  const problems = [];
  try {
    if (managed) await gateway.cron(); // so that there are passes to be shown, and taken
    const location = document === undefined ? `${gateway.url}/openapi.json` : path.join(folder, "openapi.json");
    if (document !== undefined) writeFileSync(location, JSON.stringify(document));
    for (let round = 0; problems.length === 0 && (round === 0 || answered().length < requests); round += 1) {
      const bearer = managed ? secrets.shop : API_KEY;
      const { code, output } = await runTool(tool, { location, url: gateway.url, bearer, mode, seconds, seed: seed + round, folder });
      if (code !== 0) problems.push(output);
      progress(`${mode}: ${answered().length} requests`);
    }
    // A caller brings no error of ours about, whatever it was answered.
    for (const line of gateway.logs()) if (line.level === "error") problems.push(JSON.stringify(line));
  } finally {
    await gateway.close();
    await simulator.close();
    rmSync(folder, { recursive: true, force: true });
  }
  /** @type {Record<string, number>} */
  const byStatus = {};
  for (const { status } of answered()) byStatus[String(status)] = (byStatus[String(status)] ?? 0) + 1;
  return { requests: answered().length, byStatus, problems };
}

/** Every person is done at once. @param {any} simulator @param {any} exchange @param {() => Promise<any>} next */
async function completed(simulator, { call }, next) {
  const answer = await next();
  const token = answer.body?.relayToken;
  if (call === "create" && answer.status === 200) simulator.complete(token, { result: token.charCodeAt(7) % 4 === 0 ? "failed" : "passed" });
  return answer;
}

/** @param {string} tool @param {{ location: string, url: string, bearer: string, mode: string, seconds: number, seed: number, folder: string }} options @returns {Promise<{ code: number | null, output: string }>} */
function runTool(tool, { location, url, bearer, mode, seconds, seed, folder }) {
  const args = [
    "run", location, "--url", url, "--no-color", "--checks", CHECKS.join(","), "--header", `Authorization: Bearer ${bearer}`,
    "--max-time", String(seconds), "--seed", String(seed), "--request-timeout", "60", "--generation-database", "none", "--suppress-health-check", "all",
    "--warnings", "off", "--output-truncate", "false", "--generation-with-security-parameters", "false",
    // In this mode nothing is there, so that other methods are a 404 as well.
    ...(mode === "pass-through" ? ["--exclude-path", "/issuer-keys", "--exclude-path", "/pool"] : []),
  ];
  const env = { ...process.env, SCHEMATHESIS_HOOKS: "hooks", PYTHONPATH: inRoot("tests/schema"), PYTHONDONTWRITEBYTECODE: "1", RELAY_EDGE_MODE: mode };
  return new Promise((resolve, reject) => {
    const child = spawn(tool, args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}

/** schemathesis as tools/schemathesis/ pins it, installed into build/ when it is first needed. @returns {{ tool: string } | { missing: string }} */
export function findSchemathesis() {
  const papers = inRoot("tools/schemathesis/requirements.txt");
  const folder = inRoot("build", `schemathesis-${createHash("sha256").update(readFileSync(papers)).digest("hex").slice(0, 12)}`);
  const tool = path.join(folder, "bin/schemathesis");
  // Programs of a venv know where it is, so it is not made aside and moved; one that is not whole does not run.
  const runs = () => spawnSync(tool, ["--version"]).status === 0;
  if (existsSync(folder) && runs()) return { tool };
  const python = PYTHONS.find((name) => spawnSync(name, ["-c", "import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 15))"]).status === 0);
  if (python === undefined) return { missing: `there is no Python from 3.10 to 3.14 here (${PYTHONS.join(", ")})` };
  mkdirSync(inRoot("build"), { recursive: true });
  rmSync(folder, { recursive: true, force: true });
  const install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary", ":all:", "--requirement", papers];
  for (const [command, args] of /** @type {[string, string[]][]} */ ([[python, ["-m", "venv", folder]], [path.join(folder, "bin/python"), install]])) {
    const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
    if (status === 0) continue;
    rmSync(folder, { recursive: true, force: true });
    return { missing: `schemathesis can't be installed: ${error?.message ?? stderr.trim().split("\n").at(-1)}` };
  }
  return runs() ? { tool } : { missing: "schemathesis was installed and does not run" };
}

const PYTHONS = ["python3", "python3.13", "python3.12", "python3.11", "python3.10"];
