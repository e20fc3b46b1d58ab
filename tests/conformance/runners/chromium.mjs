/** Headless Chromium: the plain module without a bundler, and what two bundlers make of the package without being told anything. */
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { chromium as browsers } from "playwright-core";
import { chromium, chromiumArguments } from "../../../scripts/lib/chromium.mjs";
import { inRoot } from "../../../scripts/lib/program.mjs";
import { run as runProgram } from "../../../scripts/lib/run.mjs";
import { serveFolder } from "../host/serve.mjs";

/** As strict as works: scripts of the page's own server, `'wasm-unsafe-eval'` for the module, and calls to the own server. */
const policy = (script = "") =>
  `default-src 'none'; script-src 'self' 'wasm-unsafe-eval'${script}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ` +
  "require-trusted-types-for 'script'; trusted-types 'none'";
const page = (head) => `<!doctype html><title>conformance</title>${head}`;
/** Runs a bundler of ours. */
async function tool(name, args, cwd) {
  const { code, output } = await runProgram(inRoot("node_modules/.bin", name), args, { cwd });
  if (code !== 0) throw new Error(`${name} ${args.join(" ")}: ${output}`);
}

/**
 * Each makes what is served: folders and texts by path, and what else the policy has to allow.
 * @type {Record<string, [title: string, make: (folder: string, own: string) => unknown]>} `own`: a folder of the run's own, in the project
 */
const PAGES = {
  module: [
    "the plain module and an import map",
    (folder) => {
      const map = JSON.stringify({ imports: { "relay-edge": "/package/browser.js", "relay-edge/stores": "/package/stores.js" } });
      const hash = createHash("sha256").update(map).digest("base64");
      const head = `<script type="importmap">${map}</script><script type="module" src="/suite/entries/page.mjs"></script>`;
      return { folders: { "/package/": path.join(folder, "node_modules/relay-edge"), "/suite/": folder }, texts: { "/": page(head) }, script: ` 'sha256-${hash}'` };
    },
  ],
  esbuild: [
    "bundled by `esbuild --bundle`",
    async (folder, own) => {
      await tool("esbuild", ["entries/page.mjs", "--bundle", `--outfile=${own}/page.js`], folder);
      return { folders: { "/": own }, texts: { "/": page('<script src="/page.js"></script>') } };
    },
  ],
  vite: [
    "bundled by `vite build`",
    async (folder, own) => {
      writeFileSync(path.join(own, "index.html"), page('<script type="module" src="/main.js"></script>'));
      writeFileSync(path.join(own, "main.js"), 'import "../entries/page.mjs";\n');
      await tool("vite", ["build"], own);
      const dist = path.join(own, "dist");
      return { folders: { "/": dist }, texts: { "/": readFileSync(path.join(dist, "index.html"), "utf8") } };
    },
  ],
};

/** @type {import("../host/run_column.mjs").Column[]} */
export const columns = Object.entries(PAGES).map(([name, [title, make]]) => ({
  id: `chromium-${name}`,
  group: "chromium",
  short: name,
  title: `Chromium, ${title}`,
  missing: async () => (await chromium()).missing,
  run: (task, report) => run(make, task, report),
}));

async function run(make, { folder, names, url, runtime }, report) {
  const own = mkdtempSync(path.join(folder, "page-"));
  const { folders, texts, script } = await make(folder, own);
  const server = await serveFolder(folders, texts, { upstream: url, headers: { "content-security-policy": policy(script), "referrer-policy": "no-referrer" } });
  const { browser: executablePath } = await chromium();
  const browser = await browsers.launch({ executablePath, args: chromiumArguments });
  try {
    const tab = await browser.newPage();
    const complaints = [];
    tab.on("console", (message) => void (/Content Security Policy|Trusted Type/.test(message.text()) && complaints.push(message.text())));
    tab.on("pageerror", (error) => complaints.push(String(error?.stack ?? error)));
    await tab.goto(server.url);
    await tab.waitForFunction(() => window.suite !== undefined, undefined, { timeout: 30_000 }).catch((error) => {
      throw new Error(`the page did not get ready: ${complaints.join("; ") || error}`);
    });
    for (const name of names) {
      const outcome = await tab.evaluate(([name, where]) => window.suite.run(name, where), [name, { url: server.url, runtime }]);
      report(complaints.length === 0 ? outcome : { ...outcome, status: "FAIL", detail: `the browser complained: ${complaints.splice(0).join("; ")}` });
    }
  } finally {
    await browser.close();
    await server.close();
    rmSync(own, { recursive: true, force: true });
  }
}
