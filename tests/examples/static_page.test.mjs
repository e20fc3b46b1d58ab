/** The static page in a headless Chromium, served by the Express example, with a stand-in for Persona's hosted page. */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, describe, test } from "node:test";
import { chromium as driver } from "playwright-core";
import { chromium, chromiumArguments } from "../../scripts/lib/chromium.mjs";
import { startSimulator } from "../../simulator/index.mjs";
import { API_KEY, counts, installed, missingFor, secretsSeen, Server } from "./support.mjs";

const { browser: executablePath, missing } = await chromium();

describe("examples/static-page", { skip: missingFor("node-express") ?? missing ?? false }, () => {
  let simulator, server, browser, hosted;
  /** The requests that came to the stand-in. */
  const visits = [];

  before(async () => {
    simulator = await startSimulator();
    server = new Server("node-express", await installed("node-express"), simulator.url);
    await server.start();
    hosted = createServer((request, response) => {
      visits.push(request);
      response.setHeader("content-type", "text/html").end(`<!doctype html><title>hosted</title><script>document.title = "opener: " + window.opener</script>`);
    });
    await new Promise((resolve) => hosted.listen(0, "127.0.0.1", resolve));
    browser = await driver.launch({ executablePath, args: chromiumArguments });
  });
  after(async () => {
    await browser?.close();
    hosted?.closeAllConnections();
    hosted?.close();
    await server?.close();
    await simulator?.close();
  });

  /** Opens the page; `seen` is all that came to it from its backend, `asked` all that it asked for. */
  async function openPage() {
    const context = await browser.newContext();
    const page = await context.newPage();
    const seen = [];
    const asked = [];
    page.on("request", (request) => asked.push(request.url()));
    await context.route("**/verifications{,/*}", async (route) => {
      const response = await route.fetch();
      const text = await response.text();
      seen.push(text, JSON.stringify(response.headers()));
      await route.fulfill({ response, body: text.replace("https://relay.withpersona.com", `http://127.0.0.1:${hosted.address().port}`) });
    });
    await page.goto(server.url);
    return { context, page, seen, asked };
  }

  async function openHosted({ context, page }) {
    const [popup] = await Promise.all([context.waitForEvent("page"), page.click("#open")]);
    await popup.waitForLoadState();
    return popup;
  }

  for (const [result, sentence] of Object.entries({ passed: "You are old enough.", failed: "The check did not pass." })) {
    test(`a person whose check has ${result}`, async () => {
      const start = counts(simulator);
      const known = Object.keys(simulator.ledger().relays);
      const opened = await openPage();
      const { context, page, seen, asked } = opened;
      assert.equal(await page.isVisible("#open"), false);
      await page.click("#start");
      await page.waitForSelector("#open:visible");

      visits.length = 0;
      const popup = await openHosted(opened);
      assert.equal(await popup.title(), "opener: null");
      const visit = visits.find(({ url }) => url.startsWith("/relay?"));
      assert.match(visit.url, /^\/relay\?relay-session-access-token=[\w-]+\.[\w-]+\.[\w-]+$/);
      for (const { headers } of visits) {
        assert.equal(headers.referer, undefined);
        assert.equal(headers.origin, undefined);
      }

      const relay = Object.keys(simulator.ledger().relays).find((token) => !known.includes(token));
      await page.waitForResponse(async (response) => /"pending"/.test(await response.text()));
      simulator.complete(relay, { result });
      await page.getByText(sentence).waitFor();
      assert.equal(await page.isVisible("#open"), false);
      assert.deepEqual(counts(simulator), { billed: start.billed + 1, spent: start.spent + (result === "passed" ? 1 : 0) });

      const secrets = secretsSeen(simulator);
      assert.ok(secrets.includes(API_KEY) && secrets.length >= 3, "there are secrets to look for");
      assert.ok(seen.length >= 6);
      for (const secret of secrets) assert.ok(!seen.some((text) => text.includes(secret)), "the page was told a secret");
      for (const url of asked) assert.equal(new URL(url).origin, server.url, "the page asks its backend only");
      await context.close();
    });
  }

  test("without rel=noreferrer the stand-in would see where the person comes from", async () => {
    const opened = await openPage();
    await opened.page.click("#start");
    await opened.page.waitForSelector("#open:visible");
    await opened.page.evaluate(() => document.getElementById("open").removeAttribute("rel"));
    visits.length = 0;
    await openHosted(opened);
    assert.equal(visits.find(({ url }) => url.startsWith("/relay?")).headers.referer, `${server.url}/`);
    await opened.context.close();
  });
});
