// Counting tests from what the runners print at their end.

/** @typedef {{ passed: number, failed: number, skipped: number }} Tally */

/** What `cargo test` says once per test binary. */
const CARGO = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/gm;

/**
 * Reads the closing lines of `cargo test` or of Node's test runner.
 *
 * @param {string} output
 * @returns {Tally | undefined} `undefined` when there is no such line: the runner did not get to its end
 */
export function readTally(output) {
  const cargo = [...output.matchAll(CARGO)];
  if (cargo.length > 0) {
    return cargo.reduce(
      (sum, [, passed, failed, ignored]) => add(sum, { passed: +passed, failed: +failed, skipped: +ignored }),
      { passed: 0, failed: 0, skipped: 0 },
    );
  }
  // "ℹ pass 3" with the spec reporter. The last one counts: a test may print such lines of a runner of its own.
  const count = (name) => {
    const found = [...output.matchAll(new RegExp(`^ℹ ${name} (\\d+)$`, 'gm'))].at(-1);
    return found && Number(found[1]);
  };
  const passed = count('pass');
  if (passed === undefined) return undefined;
  return { passed, failed: count('fail') + count('cancelled'), skipped: count('skipped') + count('todo') };
}

/** @param {Tally} a @param {Tally} b @returns {Tally} */
export function add(a, b) {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}
