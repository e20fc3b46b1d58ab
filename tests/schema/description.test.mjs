/** The description of the gateway: valid, of the routes that there are, and with the codes of the table of errors. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { inRoot } from "../../scripts/lib/program.mjs";
import { codesOf, description, operations } from "../support/description.mjs";
import { importWorker } from "../support/worker_code.mjs";

const { routes } = await importWorker("routes.ts");

test("it is OpenAPI 3.1, by the schema of the OpenAPI Initiative", async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(description));
  assert.ok(valid, JSON.stringify(errors, null, 1));
  const wrong = structuredClone(description);
  wrong.paths["/relays"].post.parameters[0] = { name: "x" };
  assert.equal((await new Validator().validate(wrong)).valid, false, "the validator takes anything");
});

test("its paths and methods are those of the table of routes", () => {
  const served = routes.flatMap(({ pattern, methods }) => Object.keys(methods).map((method) => `${method} ${pattern}`));
  assert.ok(served.length >= 9);
  assert.deepEqual(operations.map(({ method, path }) => `${method} ${path}`).sort(), served.sort());
  // And an expression of the table matches what its pattern says.
  for (const { pattern, expression } of routes) assert.match(pattern.replace(/\{[\w-]+\}/, "relay_x"), expression);
});

test("what is not there in pass-through mode says so, and may be 404", () => {
  for (const { pattern, methods, managedOnly = false } of routes) {
    for (const method of Object.keys(methods)) {
      const { summary, responses } = description.paths[pattern][method.toLowerCase()];
      assert.equal(summary.includes("Managed mode only."), managedOnly, pattern);
      assert.equal(method === "HEAD" ? "404" in responses : codesOf(responses[404] ?? {}).includes("not_found"), managedOnly, pattern);
    }
  }
});

test("its references lead somewhere, and nothing in it is left over", () => {
  const { components, ...rest } = description;
  const used = new Set([...JSON.stringify(description).matchAll(/"\$ref":"#\/components\/(\w+)\/([\w-]+)"/g)].map(([, kind, name]) => `${kind}/${name}`));
  for (const { operation } of operations) for (const scheme of operation.security.flatMap(Object.keys)) used.add(`securitySchemes/${scheme}`);
  const there = Object.entries(components).filter(([kind]) => kind !== "responses").flatMap(([kind, parts]) => Object.keys(parts).map((name) => `${kind}/${name}`));
  assert.deepEqual([...used].sort(), there.sort());
  assert.deepEqual(operations.map(({ operation }) => operation.operationId).length, new Set(operations.map(({ operation }) => operation.operationId)).size);
  assert.equal(rest.info.version, JSON.parse(readFileSync(inRoot("pkg/package.json"), "utf8")).version);
});

test("its codes and their statuses are those of the table in docs/integrating.md", () => {
  const described = new Map();
  const answers = [...operations.map(({ operation }) => operation.responses), Object.fromEntries(Object.entries({ 404: "NoSuchPath", 405: "NoSuchMethod" }).map(([status, name]) => [status, description.components.responses[name]]))];
  for (const [status, response] of answers.flatMap(Object.entries)) {
    for (const code of codesOf(response)) described.set(code, (described.get(code) ?? new Set()).add(status));
  }
  const page = readFileSync(inRoot("docs/integrating.md"), "utf8");
  const table = [...page.matchAll(/^\| `([a-z_]+)` \| ([^|]+) \| [^|]+ \|/gm)].map(([, code, cell]) => [code, [...cell.matchAll(/\b(\d{3}|4xx)\b/g)].map(([status]) => status.toUpperCase())]);
  const answered = table.filter(([, statuses]) => statuses.length > 0);
  assert.ok(answered.length >= 35, `${answered.length} codes in the table`);
  const sorted = (entries) => [...entries].map(([code, statuses]) => `${code} ${[...statuses].sort().join(" ")}`).sort();
  assert.deepEqual(sorted(described), sorted(answered));
});
