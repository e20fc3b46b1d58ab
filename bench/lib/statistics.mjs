// Medians and quartiles.

/** @param {number[]} values @param {number} share 0 to 1 */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  return sorted[below] + (sorted[Math.ceil(at)] - sorted[below]) * (at - below);
}

/** @param {number[]} values */
export const median = (values) => quantile(values, 0.5);

/** Median and quartiles, as results have them. @param {number[]} values */
export function summary(values) {
  return { median: round(median(values)), q1: round(quantile(values, 0.25)), q3: round(quantile(values, 0.75)), samples: values.length };
}

/** To four significant digits: more is noise, and would only make files differ. @param {number} value */
export function round(value) {
  return Number(value.toPrecision(4));
}
