/** What the stores seal the gateway opens, and the other way round. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { cleanEnvironment, findRuntime } from "../../scripts/lib/runtimes.mjs";
import { libraryUrl } from "./support.mjs";

// The runtime strips the types of worker/seal.ts.
const { command, missing } = findRuntime("node");
const SCRIPT = `
import { deriveKeys, seal, unseal } from ${JSON.stringify(new URL("../../worker/seal.ts", import.meta.url).href)};
import { aesGcmSealer } from ${JSON.stringify(new URL("./stores.js", libraryUrl).href)};
const bytes = crypto.getRandomValues(new Uint8Array(32));
const keys = await deriveKeys([{ id: "a", bytes }]);
const sealer = aesGcmSealer([{ id: "a", key: bytes }]);
console.log(JSON.stringify([await unseal(keys, "n", await sealer.seal("n", "from the store")), await sealer.open("n", await seal(keys[0], "n", "from the gateway"))]));
`;

test("one form for the gateway's values and the stores' texts", { skip: missing ?? false }, () => {
  const [node, ...args] = command;
  const output = execFileSync(node, [...args, "--experimental-strip-types", "--input-type=module", "-e", SCRIPT], { encoding: "utf8", env: cleanEnvironment() });
  assert.deepEqual(JSON.parse(output), ["from the store", "from the gateway"]);
});
