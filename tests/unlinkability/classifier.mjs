/** A naive Bayes classifier over named categories, and how likely chance alone would have done as well. */

/** @typedef {{ label: string, features: Record<string, string> }} Case */

/** @param {Case[]} cases @param {(name: string) => boolean} uses which features @returns {(features: Case["features"]) => string} */
export function train(cases, uses = () => true) {
  const labels = [...new Set(cases.map(({ label }) => label))].sort();
  const names = [...new Set(cases.flatMap(({ features }) => Object.keys(features)))].filter(uses);
  /** @type {Map<string, number>} */
  const counts = new Map();
  const add = (/** @type {string} */ key) => counts.set(key, (counts.get(key) ?? 0) + 1);
  const values = new Map(names.map((name) => [name, new Set()]));
  for (const { label, features } of cases) {
    add(label);
    for (const name of names) {
      add(`${label}\0${name}\0${features[name]}`);
      values.get(name)?.add(features[name]);
    }
  }
  const count = (/** @type {string} */ key) => counts.get(key) ?? 0;
  return (features) => {
    const scores = labels.map((label) => {
      let score = Math.log(count(label) / cases.length);
      for (const name of names) {
        // A value that was never seen says nothing; what was seen of one label only says much, and not everything.
        if (!values.get(name)?.has(features[name])) continue;
        score += Math.log((count(`${label}\0${name}\0${features[name]}`) + 0.5) / (count(label) + 0.5 * (values.get(name)?.size ?? 1)));
      }
      return { label, score };
    });
    return scores.sort((a, b) => b.score - a.score)[0]?.label ?? "";
  };
}

/**
 * Guesses each half after training on the other. Of each label, half is in each, so that a coin is right in half of all.
 *
 * @param {Case[]} cases @param {number} seed @param {(name: string) => boolean} [uses]
 */
export function guess(cases, seed, uses) {
  const labels = [...new Set(cases.map(({ label }) => label))].sort();
  const mixed = shuffle(cases, seed);
  const ranked = labels.flatMap((label) => mixed.filter((one) => one.label === label).map((one, index) => ({ one, half: index % 2 })));
  let right = 0;
  for (const half of [0, 1]) {
    const classify = train(ranked.filter((other) => other.half !== half).map(({ one }) => one), uses);
    right += ranked.filter((asked) => asked.half === half && classify(asked.one.features) === asked.one.label).length;
  }
  return { right, asked: cases.length, accuracy: right / cases.length, byChance: atLeast(right, cases.length, 1 / labels.length) };
}

/** The probability of so many hits or more. @param {number} hits @param {number} tries @param {number} chance */
export function atLeast(hits, tries, chance) {
  let sum = 0;
  let term = (1 - chance) ** tries;
  for (let k = 0; k <= tries; k += 1) {
    if (k >= hits) sum += term;
    term *= ((tries - k) / (k + 1)) * (chance / (1 - chance));
  }
  return sum;
}

/** The same in every run. @template T @param {readonly T[]} list @param {number} seed @returns {T[]} */
export function shuffle(list, seed) {
  const random = randomOf(seed);
  const mixed = [...list];
  for (let at = mixed.length - 1; at > 0; at -= 1) {
    const other = Math.floor(random() * (at + 1));
    [mixed[at], mixed[other]] = [/** @type {T} */ (mixed[other]), /** @type {T} */ (mixed[at])];
  }
  return mixed;
}

/** mulberry32. @param {number} seed */
export function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
