/** What a curious Persona makes of a redemption to guess who it is from: everything in it, around it, and before it. */

/** Differ in every call by design; of these, only the shape may tell something. */
const OWN_TO_THE_CALL = ["authorization", "persona-relay-secret", "idempotency-key"];

/** After a redemption: a part of the time between two top-ups. */
const SOON_MS = 1000;

/** @typedef {Record<string, string>} Features by name: the part before the dot is the group */

/**
 * @param {import("./persona.mjs").Seen[]} seen all calls in their order
 * @returns {{ relay: string, features: Features }[]} one per redemption that came first for its relay
 */
export function redemptionsOf(seen) {
  const purchases = seen.filter(({ call }) => call === "purchase");
  const first = new Map(seen.filter(({ call }) => call === "redeem").reverse().map((one) => [one.relay, one]));
  const creations = new Map(seen.filter(({ call }) => call === "create").map((one) => [one.relay, one]));
  const redemptions = [...first.values()].sort((a, b) => a.at - b.at);
  return redemptions.map((one, index) => {
    const creation = creations.get(one.relay);
    return {
      relay: one.relay ?? "",
      features: {
        ...carried("redemption", one),
        ...surroundings("redemption", one, purchases),
        ...(creation && { ...carried("creation", creation), ...surroundings("creation", creation, purchases), "timing.lived": bucket(one.at - creation.at) }),
        "timing.part": String(Math.floor((10 * index) / redemptions.length)),
        ...challengeOf(one, seen, purchases),
      },
    };
  });
}

/** @param {string} which @param {import("./persona.mjs").Seen} one @returns {Features} */
function carried(which, { headers, body }) {
  /** @type {Features} */
  const features = { [`headers.${which}.names`]: headers.map(([name]) => name).join(), [`headers.${which}.body`]: body };
  for (const [name, value] of headers) {
    const secret = OWN_TO_THE_CALL.includes(name.toLowerCase());
    features[`headers.${which}.${name}`] = secret ? `${value.length} ${value.replace(/[a-z]+/g, "a").replace(/\d+/g, "0").slice(0, 12)}` : value;
  }
  return features;
}

/** @param {string} which @param {import("./persona.mjs").Seen} one @param {import("./persona.mjs").Seen[]} purchases @returns {Features} */
function surroundings(which, { at, connection, port, nth }, purchases) {
  const before = purchases.filter((purchase) => purchase.at < at);
  const accounts = [...new Set(purchases.map(({ account }) => account))].sort();
  const sinceOf = (/** @type {string | undefined} */ account) => at - (before.findLast((purchase) => purchase.account === account)?.at ?? -Infinity);
  const after = purchases.find((purchase) => purchase.at > at);
  return {
    [`connection.${which}.id`]: String(connection),
    [`connection.${which}.port`]: String(port),
    [`connection.${which}.nth`]: bucket(nth),
    [`connection.${which}.payers`]: [...new Set(before.filter((purchase) => purchase.connection === connection).map(({ account }) => account))].sort().join(),
    [`timing.${which}.latest`]: before.at(-1)?.account ?? "none",
    [`timing.${which}.nearest`]: accounts.map((account) => [sinceOf(account), account]).sort((a, b) => Number(a[0]) - Number(b[0]))[0]?.[1] ?? "none",
    [`timing.${which}.next`]: after?.account ?? "none",
    ...Object.fromEntries(accounts.map((account) => [`timing.${which}.since.${account}`, bucket(sinceOf(account))])),
    ...Object.fromEntries(accounts.map((account) => [`timing.${which}.soon.${account}`, bucket(soonAfter(purchases, account, at))])),
  };
}

/** Where the challenge in the pass was handed out, and who bought next. @returns {Features} */
function challengeOf(one, seen, purchases) {
  const handed = seen.filter(({ call, challenge }) => call === "challenge" && challenge === one.challenge);
  const at = handed[0]?.at ?? 0;
  const buyer = handed.length === 1 ? purchases.find((purchase) => purchase.at > at)?.account : undefined;
  return { "challenge.handed": bucket(handed.length), "challenge.buyer": buyer ?? "unknown" };
}

/** Purchases that may make up for what was taken. @param {import("./persona.mjs").Seen[]} purchases @param {string | undefined} account @param {number} at */
function soonAfter(purchases, account, at) {
  return purchases.filter((purchase) => purchase.account === account && purchase.at > at && purchase.at < at + SOON_MS).length;
}

/** Each twice as wide as the one before. @param {number} value */
function bucket(value) {
  return Number.isFinite(value) ? String(Math.round(Math.log2(Math.max(1, value)))) : "never";
}
