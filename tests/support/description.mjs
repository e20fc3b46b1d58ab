/** What worker/openapi.ts says of the gateway, and whether an answer is one that it describes. */
import { readFileSync } from "node:fs";
import Ajv2020 from "ajv/dist/2020.js";
import { transformSync } from "esbuild";
import { inRoot } from "../../scripts/lib/program.mjs";

const { code } = transformSync(readFileSync(inRoot("worker/openapi.ts"), "utf8"), { loader: "ts", format: "esm" });
const { openapi } = await import(`data:text/javascript;base64,${Buffer.from(code).toString("base64")}`);

/** The document, as it is served. @type {any} */
export const description = JSON.parse(JSON.stringify(openapi()));

/** Of each operation: where it is, and its statuses with the codes that they may have. */
export const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    path,
    method: method.toUpperCase(),
    operation,
    expression: new RegExp(`^${path.replaceAll(".", "\\.").replace(/\{[\w-]+\}/g, "[^/]*")}$`),
  })),
);

/** The codes that an answer to an error may have, of ours. @param {any} response */
export function codesOf(response) {
  const schema = response.content?.["application/json"].schema.allOf?.[1].properties.errors.items.properties.code;
  return schema?.enum ?? schema?.anyOf[0].enum ?? [];
}

/**
 * What is wrong with an answer of the gateway, going by the description.
 *
 * @param {{ method: string, path: string, status: number, headers: Headers | Record<string, string>, text: string }} answer `path` without a query
 * @returns {string[]} empty for a path that is not the gateway's
 */
export function undescribed({ method, path, status, headers, text }) {
  const there = operations.filter(({ expression }) => expression.test(path));
  if (there.length === 0) return [];
  // A path with parameters is found last: `/relays/privacy-passes` is one of its own.
  const own = there.filter((operation) => !operation.path.includes("{"));
  const found = (own.length > 0 ? own : there).find((operation) => operation.method === method);
  const { NoSuchMethod, NoSuchPath } = description.components.responses;
  const responses = found?.operation.responses ?? { 404: NoSuchPath, 405: NoSuchMethod };
  const response = responses[status] ?? responses[`${String(status)[0]}XX`];
  if (response === undefined) return [`${method} ${path}: ${status} is not described`];

  const get = (/** @type {string} */ name) => (headers instanceof Headers ? headers.get(name) : headers[name.toLowerCase()]) ?? null;
  const problems = [];
  for (const [name, { $ref }] of Object.entries(/** @type {Record<string, any>} */ (response.headers))) {
    const { required = false, schema } = description.components.headers[$ref.split("/").at(-1)];
    const value = get(name);
    if (value === null ? required : !valid(schema, schema.type === "integer" ? Number(value) : value)) problems.push(`${name}: ${value}`);
  }
  for (const name of Object.keys(description.components.headers)) {
    if (get(name) !== null && !(name in response.headers)) problems.push(`${name} is not described`);
  }
  if (response.content !== undefined && method !== "HEAD") {
    if (get("content-type") !== "application/json") problems.push(`content-type ${get("content-type")}`);
    const { schema } = response.content["application/json"];
    if (!valid(schema, JSON.parse(text))) problems.push(`${text.slice(0, 500)} is not as described: ${ajv.errorsText(last.errors)}`);
  }
  return problems.map((problem) => `${method} ${path}, ${status}: ${problem}`);
}

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: "openapi", components: description.components });
/** @type {Map<unknown, import("ajv").ValidateFunction>} */
const compiled = new Map();
/** @type {any} */
let last;

/** @param {any} schema @param {unknown} value */
function valid(schema, value) {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')));
    compiled.set(schema, validate);
  }
  last = validate;
  return validate(value);
}
