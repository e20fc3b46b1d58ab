/**
 * Runs an example as somebody would who has copied its folder: a copy in `build/`, installed by `npm ci` from its own lock
 * file, with the package as `npm pack` makes it, started in its real runtime by the command of its package.json.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { inRoot } from "../../scripts/lib/program.mjs";
import { must, quietTools } from "../../scripts/lib/run.mjs";
import { cleanEnvironment, findRuntime } from "../../scripts/lib/runtimes.mjs";
import { filesUnder, hashOf } from "../../scripts/lib/stamp.mjs";
import { startSimulator } from "../../simulator/index.mjs";

export const API_KEY = "persona_sandbox_simulator";
const START_LIMIT_MS = 60_000;
/** What a developer's own run leaves behind in an example's folder. */
const LEFTOVERS = /\/(?:node_modules|\.next|\.wrangler)\/|\/(?:\.dev\.vars|next-env\.d\.ts|relays\.db.*|.*\.tsbuildinfo)$/;

/** The files of an example, as paths in the checkout. */
export const filesOf = (name) => filesUnder(`examples/${name}`).filter((file) => !LEFTOVERS.test(file));
export const manifestOf = (name) => JSON.parse(readFileSync(inRoot("examples", name, "package.json"), "utf8"));

/** Programs by the name under which a start command calls them: the command, or why there is none. */
const programs = {
  node: () => found("node"),
  bun: () => found("bun"),
  deno: () => found("deno"),
  // The workspace has it already, in the same version (files.test.mjs): it is large.
  wrangler: () => ({ command: [process.execPath, inRoot("node_modules/wrangler/bin/wrangler.js")] }),
  next: (folder) => ({ command: [process.execPath, path.join(folder, "node_modules/next/dist/bin/next")] }),
};

/** The runtime alone: its flags are the example's business. */
function found(runtime) {
  const { command, missing } = findRuntime(runtime);
  return missing === undefined ? { command: [command[0]] } : { missing };
}

/** @returns {string | undefined} why the example can't run here */
export function missingFor(name) {
  return programs[startCommand(name)[0]]("").missing;
}

const startCommand = (name) => manifestOf(name).scripts.start.split(" ");

/**
 * The installed copy of an example, with the other examples' pages beside it. Made once for the same files and the same
 * package; older copies are deleted.
 *
 * @param {(folder: string) => Promise<unknown>} [prepare] what else has to be done once, such as a build
 */
export async function installed(name, prepare = async () => {}) {
  const files = [...filesOf(name), ...filesOf("static-page")];
  const folder = inRoot("build", `example-${name}-${hashOf([...files, ...filesUnder("pkg")], process.version).slice(0, 12)}`);
  if (!existsSync(folder)) {
    const aside = mkdtempSync(inRoot("build", "example-new-"));
    try {
      for (const file of files) cpSync(inRoot(file), path.join(aside, path.relative("examples", file)));
      const [packed] = JSON.parse(await must("npm pack", "npm", ["pack", inRoot("pkg"), "--json", "--loglevel=error"], { cwd: aside }));
      renameSync(path.join(aside, packed.filename), path.join(aside, "relay-edge.tgz"));
      // The workspace's wrangler is used; everything else is the example's own.
      const omit = startCommand(name)[0] === "wrangler" ? ["--omit=dev"] : [];
      const options = ["--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", ...omit];
      await must(`npm ci in examples/${name}`, "npm", ["ci", ...options], { cwd: path.join(aside, name) });
      await prepare(path.join(aside, name));
      for (const other of readdirSync(inRoot("build"))) {
        if (other.startsWith(`example-${name}-`) && other !== path.basename(folder)) rmSync(inRoot("build", other), { recursive: true, force: true });
      }
      try {
        renameSync(aside, folder);
      } catch (error) {
        // Another test file was faster.
        if (!existsSync(folder)) throw error;
      }
    } finally {
      rmSync(aside, { recursive: true, force: true });
    }
  }
  return path.join(folder, name);
}

/** Runs a program in a copy and answers what it printed; it fails when the program does. */
export function runIn(folder, what, [command, ...args]) {
  return must(what, command, args, { cwd: folder, env: { ...cleanEnvironment(), ...quietTools, NEXT_TELEMETRY_DISABLED: "1" }, show: "stdout" });
}

/** An example that runs against a simulator, and can be killed and started again with what it keeps on disk. */
export class Server {
  #child;
  #output = "";

  /** @param {string} name @param {string} folder of the installed copy @param {string} upstream URL of the simulator */
  constructor(name, folder, upstream) {
    this.name = name;
    this.folder = folder;
    this.disk = mkdtempSync(path.join(inRoot("build"), "example-disk-"));
    const STORE_KEY = randomBytes(32).toString("base64");
    this.settings = { PERSONA_API_KEY: API_KEY, PERSONA_BASE_URL: upstream, STORE_KEY, DATABASE: path.join(this.disk, "relays.db") };
  }

  async start() {
    const port = await freePort();
    const [program, ...args] = startCommand(this.name);
    const { command } = programs[program](this.folder);
    const worker = program === "wrangler" ? this.#workerOptions(port) : [];
    const [file, ...rest] = [...command, ...args, ...worker];
    const env = { ...cleanEnvironment(), ...quietTools, NEXT_TELEMETRY_DISABLED: "1", ...this.settings, PORT: String(port) };
    // In a group of its own: wrangler has children.
    this.#child = spawn(file, rest, { cwd: this.folder, env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream.setEncoding("utf8").on("data", (text) => (this.#output += text));
    this.url = `http://127.0.0.1:${port}`;
    await this.#ready();
  }

  /** As wrangler takes them: settings from `.dev.vars`, a folder for the Durable Objects. */
  #workerOptions(port) {
    const { PERSONA_API_KEY, PERSONA_BASE_URL } = this.settings;
    writeFileSync(path.join(this.folder, ".dev.vars"), `PERSONA_API_KEY=${PERSONA_API_KEY}\nPERSONA_BASE_URL=${PERSONA_BASE_URL}\n`);
    return ["--ip", "127.0.0.1", "--port", String(port), "--inspector-port", "0", "--persist-to", this.disk, "--show-interactive-dev-session=false"];
  }

  async #ready() {
    const child = this.#child;
    for (const deadline = Date.now() + START_LIMIT_MS; ; ) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`examples/${this.name} did not start:\n${this.#output}`);
      const answer = await fetch(`${this.url}/verifications/nobody`, { signal: AbortSignal.timeout(5_000) }).catch(() => undefined);
      if (answer?.status === 404) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** `kill -9`: what was not durable is gone. */
  async kill() {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = new Promise((resolve) => child.once("close", resolve));
    process.kill(-child.pid, "SIGKILL");
    await closed;
  }

  async close() {
    await this.kill();
    rmSync(this.disk, { recursive: true, force: true });
  }

  /** All that it printed. */
  output() {
    return this.#output;
  }

  /** @returns {Promise<{ status: number, text: string, body: any }>} */
  async ask(method, where) {
    const response = await fetch(this.url + where, { method });
    const text = await response.text();
    return { status: response.status, text, body: /json/.test(response.headers.get("content-type")) ? JSON.parse(text) : undefined };
  }
}

async function freePort() {
  for (;;) {
    // Below the ports that outgoing connections are given.
    const port = randomInt(20_000, 32_000);
    const server = net.createServer();
    const free = await new Promise((resolve) => server.once("error", () => resolve(false)).listen(port, "127.0.0.1", () => resolve(true)));
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** Tests against a running example: `use` is called with what `get()` answers `{ simulator, server }`. */
export function describeExample(name, use, { prepare } = {}) {
  const skip = missingFor(name);
  describe(`examples/${name}`, { skip: skip ?? false }, () => {
    /** @type {{ simulator: import("../../simulator/index.mjs").Simulator, server: Server }} */
    const running = {};
    before(async () => {
      running.simulator = await startSimulator();
      running.server = new Server(name, await installed(name, prepare), running.simulator.url);
      await running.server.start();
    });
    after(async () => {
      await running.server?.close();
      await running.simulator?.close();
    });
    use(running);
  });
}

/** What every example does. */
export function flowTests(running) {
  for (const result of ["passed", "failed"]) {
    test(`a person whose check has ${result}; asking again costs nothing`, async () => {
      const { simulator, server } = running;
      const before = counts(simulator);
      const { id, relay } = await startVerification(running);
      for (let poll = 0; poll < 2; poll += 1) assert.deepEqual((await server.ask("GET", `/verifications/${id}`)).body, { state: "pending" });
      simulator.complete(relay, { result });
      const polls = await Promise.all(Array.from({ length: 3 }, () => server.ask("GET", `/verifications/${id}`)));
      polls.push(await server.ask("GET", `/verifications/${id}`));
      for (const { status, body } of polls) {
        assert.equal(status, 200);
        assert.deepEqual(body, { state: "done", passed: result === "passed" });
      }
      assert.deepEqual(counts(simulator), { billed: before.billed + 1, spent: before.spent + (result === "passed" ? 1 : 0) });
    });
  }

  test("while Persona fails it answers an error, and goes on when asked again", async () => {
    const { simulator, server } = running;
    const before = counts(simulator);
    const { id, relay } = await startVerification(running);
    simulator.complete(relay, { result: "passed" });
    // As many as the SDK tries by itself.
    simulator.faults.set([{ call: "redeem", fault: "500-before", times: 4 }]);
    const failed = await server.ask("GET", `/verifications/${id}`);
    running.answers.push(failed);
    assert.equal(failed.status, 500);
    assert.deepEqual((await server.ask("GET", `/verifications/${id}`)).body, { state: "done", passed: true });
    assert.deepEqual(counts(simulator), { billed: before.billed + 1, spent: before.spent + 1 });
  });

  test("an id that was never given is not found, and asks Persona nothing", async () => {
    const { simulator, server } = running;
    const before = simulator.requests().length;
    assert.equal((await server.ask("GET", "/verifications/relay_unknown")).status, 404);
    assert.equal((await server.ask("GET", "/nothing")).status, 404);
    assert.equal(simulator.requests().length, before);
  });
}

/** After the other tests: that nothing secret was answered or logged, nor left on the disk in the clear. */
export function secrecyTest(running) {
  test("relay secrets, passes and the API key are neither answered nor logged, nor in the clear on the disk", async () => {
    const { simulator, server } = running;
    const { id } = await startVerification(running);
    const answers = [await server.ask("GET", `/verifications/${id}`), ...running.answers].map(({ text }) => text);
    const secrets = secretsSeen(simulator);
    assert.ok(secrets.length >= 4, "there are secrets to look for");
    const disk = readdirSync(server.disk).filter((file) => file.startsWith("relays.db")).map((file) => readFileSync(path.join(server.disk, file), "latin1"));
    for (const place of [...answers, server.output(), ...disk]) {
      for (const secret of secrets) assert.ok(!place.includes(secret), "a secret was shown");
    }
  });
}

/** The relay secrets, passes and API keys that came to the simulator. */
export function secretsSeen(simulator) {
  const values = simulator.requests().flatMap(({ rawHeaders }) => rawHeaders).flatMap(([name, value]) => {
    if (/^persona-relay-secret$/i.test(name)) return [value];
    return /^authorization$/i.test(name) ? [value.replace(/^(?:Bearer |PrivateToken token=)/, "")] : [];
  });
  return [...new Set(values)];
}

/** @returns {Promise<{ id: string, relay: string }>} `relay`: its token */
export async function startVerification(running) {
  const { simulator, server } = running;
  const known = new Set(Object.keys(simulator.ledger().relays));
  const answer = await server.ask("POST", "/verifications");
  (running.answers ??= []).push(answer);
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual(Object.keys(answer.body).sort(), ["id", "url"]);
  assert.match(answer.body.url, /^https:\/\/relay\.withpersona\.com\/relay\?relay-session-access-token=[\w-]+\.[\w-]+\.[\w-]+$/);
  const [relay, ...others] = Object.keys(simulator.ledger().relays).filter((token) => !known.has(token));
  assert.deepEqual(others, []);
  return { id: answer.body.id, relay };
}

/** Kills the server when Persona has done what was asked and has not answered; then starts it again. */
export async function killDuring(running, call, asking) {
  const { simulator, server } = running;
  simulator.faults.set([{ call, "hold-after": true, times: 1 }]);
  const asked = asking().then(() => "answered", () => "broken off");
  await simulator.faults.processed(call, { timeoutMs: 20_000 });
  await server.kill();
  simulator.faults.reset();
  assert.equal(await asked, "broken off");
  await server.start();
}

export function counts(simulator) {
  const { billed, spent, doubleBilled } = simulator.ledger();
  assert.deepEqual(doubleBilled, []);
  return { billed: billed.total, spent: spent.total };
}
