/** Runs the Worker's own tests against the gateway of a host, and what is true of hosts only. */
import { describe, test } from "node:test";
import { exampleCommand } from "../../scripts/lib/example.mjs";
import { delayedCases } from "../egress/delayed_cases.mjs";
import { startHost } from "../support/hosts.mjs";
import { hostCases, patienceCase } from "./host_cases.mjs";
import { poolCases } from "./pool_cases.mjs";

/** tests/worker/NAME.test.mjs: the gateway contract, and what may die when. */
const CONTRACT = [
  "managed", "issuer_keys", "pass_through", "bad_input", "idempotency_key", "upstream_trouble", "hanging_upstream", "operators", "ledger", "purchase_limit", "request_limit",
  "access", "description",
];

/** @param {import("../support/hosts.mjs").Host} host */
export function hostSuite(host) {
  const example = exampleCommand(host);
  if ("missing" in example) return void test(`${host}: the gateway contract`, { skip: example.missing }, () => {});
  process.env.RELAY_EDGE_PLATFORM = host;
  // Most of the time each of them waits for something.
  describe(host, { concurrency: 4 }, () => {
    describe("its database, its start and its end", { concurrency: 1 }, () => hostCases(host));
    describe("its pool of passes", { concurrency: 1 }, () => poolCases(host));
    describe("its patience", () => patienceCase(host));
    describe("tests/egress/delayed_cases.mjs", { concurrency: 1 }, () => delayedCases((options) => startHost(host, options)));
    for (const name of CONTRACT) describe(`tests/worker/${name}.test.mjs`, { concurrency: 1 }, () => import(`../worker/${name}.test.mjs`));
  });
}
