/**
 * Whether Persona can tell whose a redemption is. Two platforms buy and redeem through two deployments; a classifier that is
 * told half of the answers guesses the others from everything that Persona sees. With the default it can; with a neutral egress,
 * a pool of passes and redemptions at random times it does no better than a coin. `npm run unlinkability` prints the numbers.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { atLeast, guess } from "./classifier.mjs";
import { atOnce, neutrally } from "./platforms.mjs";

const EACH = 60;
const SEED = 20251121;
const GROUPS = ["headers", "connection", "timing", "challenge"];

/** What a coin does not do once in a million runs is no chance. */
const CLEARLY = 1e-6;
/** What a coin does in one of so many runs may be chance; there are four groups. */
const CHANCE = 1e-3;
const CHANCE_OF_FOUR = 1e-4;

/** Guesses by everything, and by each group of features alone. */
function guesses(t, title, cases) {
  assert.ok(cases.every(({ label }) => label !== undefined));
  const all = guess(cases, SEED);
  const by = Object.fromEntries(GROUPS.map((group) => [group, guess(cases, SEED, (name) => name.startsWith(`${group}.`))]));
  const percent = ({ accuracy }) => `${Math.round(100 * accuracy)} %`;
  t.diagnostic(`${title}: ${percent(all)} of ${all.asked} guessed right; by ${GROUPS.map((group) => `${group} alone ${percent(by[group])}`).join(", ")}`);
  return { all, by };
}

describe("whose redemption it is", { concurrency: true }, () => {
  test("by default, bought right before redeeming: Persona can tell", async (t) => {
    const { all, by } = guesses(t, "default", await atOnce(EACH, SEED));
    assert.ok(all.asked === 2 * EACH && all.byChance < CLEARLY, `${all.right} of ${all.asked}`);
    // Each of these alone is enough, so that mending one is not (docs/deploying.md).
    for (const group of ["headers", "connection", "timing"]) assert.ok(by[group].byChance < CLEARLY, `${group}: ${by[group].right} of ${all.asked}`);
  });

  test("neutral egress, but bought right before redeeming: Persona can tell by the time", async (t) => {
    const { by } = guesses(t, "neutral egress alone", await atOnce(EACH / 2, SEED, { neutral: true }));
    assert.ok(by.timing.byChance < CLEARLY, `${by.timing.right} of ${by.timing.asked}`);
    for (const group of ["headers", "connection"]) assert.ok(by[group].byChance > CHANCE_OF_FOUR, `${group}: ${by[group].right}`);
  });

  test("neutral egress, a pool, redeemed later: Persona guesses", async (t) => {
    const { all, by } = guesses(t, "neutral, pool", await neutrally(EACH, SEED));
    assert.ok(all.asked === 2 * EACH && all.byChance > CHANCE, `${all.right} of ${all.asked}`);
    for (const [group, { right, asked, byChance }] of Object.entries(by)) assert.ok(byChance > CHANCE_OF_FOUR, `${group}: ${right} of ${asked}`);
  });

  test("the same, topped up while people redeem: nothing but the time may tell", async (t) => {
    const { by } = guesses(t, "neutral, pool, topped up meanwhile", await neutrally(EACH, SEED, { meanwhile: true }));
    for (const group of ["headers", "connection", "challenge"]) assert.ok(by[group].byChance > CHANCE_OF_FOUR, `${group}: ${by[group].right} of ${by[group].asked}`);
  });

  test("the same, against a Persona that makes each challenge unique: it can tell, by the challenge alone", async (t) => {
    const { by } = guesses(t, "neutral, pool, tagged", await neutrally(EACH / 2, SEED, { tags: true }));
    assert.ok(by.challenge.byChance < CLEARLY, `${by.challenge.right} of ${by.challenge.asked}`);
    for (const group of ["headers", "connection", "timing"]) assert.ok(by[group].byChance > CHANCE_OF_FOUR, `${group}: ${by[group].right}`);
  });
});

test("the classifier finds what is there, and nothing where nothing is", () => {
  const labels = Array.from({ length: 120 }, (_, index) => (index % 2 === 0 ? "shop" : "bank"));
  const noise = (index) => String((index * 7919 + 13) % 17);
  const silent = labels.map((label, index) => ({ label, features: { "a.noise": noise(index >> 1), "a.same": "x" } }));
  assert.ok(guess(silent, SEED).byChance > 0.001);
  // Right in nine of ten.
  const telling = labels.map((label, index) => ({ label, features: { ...silent[index].features, "b.hint": index % 10 === 0 ? "shop" : label } }));
  assert.ok(guess(telling, SEED).byChance < 1e-6);
  assert.ok(Math.abs(atLeast(5, 10, 0.5) - 0.623) < 0.001);
  assert.equal(atLeast(0, 10, 0.5).toFixed(6), "1.000000");
});
