/** The fault matrix: the part of it that `npm run test:faults` runs without `--full`. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { DRIVERS } from "./drivers/index.mjs";
import { planOf, report } from "./run.mjs";
import { runMatrix } from "./lib/run_matrix.mjs";

describe("the fault matrix", () => {
  const plan = planOf({});
  /** @type {import("./lib/run_matrix.mjs").Result[]} */
  let results = [];
  before(async () => {
    results = await runMatrix(plan);
    console.log(report(plan, results));
  });

  for (const driver of DRIVERS.filter(({ mustFail }) => !mustFail)) {
    const skip = driver.available === undefined || driver.available === true ? false : driver.available;
    test(`${driver.name}: nothing billed twice, nothing lost, nothing stuck`, { skip }, () => {
      const of = results.filter((result) => result.driver === driver);
      assert.equal(of.length, plan.find((planned) => planned.driver === driver)?.cases.length);
      assert.ok(of.length >= 30);
      const wrong = of.filter(({ violations }) => violations.length > 0).map(({ of, violations }) => `${of.name}: ${violations.join("; ")}`);
      assert.deepEqual(wrong, []);
      assert.ok(of.every(({ doubleBilled, lost, stuck }) => doubleBilled + lost + stuck === 0));
    });
  }

  test("one that keeps nothing bills twice and loses claims, whether or not it is killed", () => {
    for (const fate of ["survives", "killed"]) {
      const of = results.filter(({ driver, of }) => driver.mustFail && of.fate === fate);
      assert.ok(of.reduce((sum, { doubleBilled }) => sum + doubleBilled, 0) > 0, `double billings, ${fate}`);
      assert.ok(of.reduce((sum, { lost }) => sum + lost, 0) > 0, `lost claims, ${fate}`);
    }
  });
});
