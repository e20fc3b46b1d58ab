/** The rows of the matrix: what goes wrong, at which call, and what may come of it. */

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {("purchase" | "redeem")[]} calls upstream
 * @property {object} [rule] what the simulator is told, besides the call
 * @property {boolean} [processes] whether the struck request is processed, so that the process can be killed just then
 * @property {"challenge"} [at] the fault strikes the challenge before the purchase
 * @property {boolean} [hangs] longer than the driver waits
 * @property {boolean} [sticks] until it is lifted, more than 60 s later
 * @property {boolean} [kept] upstream's idempotency memory keeps the failure, as that of the general API does: it is never
 *   lifted
 * @property {string} [endsAs] the error that it settles as, instead of a pass
 * @property {number} [billed] then; default 1
 * @property {"survives"} [only] the only fate that there is: nothing is ever processed
 */

/** @type {Fault[]} */
export const FAULTS = [
  { name: "none", calls: ["purchase", "redeem"], processes: true },
  { name: "drop before processing", calls: ["purchase", "redeem"], rule: { fault: "drop-before" } },
  { name: "drop after processing", calls: ["purchase", "redeem"], rule: { fault: "drop-after" }, processes: true },
  { name: "hang before processing", calls: ["purchase", "redeem"], rule: { fault: "hang-before" }, hangs: true },
  { name: "hang after processing", calls: ["purchase", "redeem"], rule: { fault: "hang-after" }, processes: true, hangs: true },
  { name: "500 before processing", calls: ["purchase", "redeem"], rule: { fault: "500-before" } },
  { name: "500 after processing", calls: ["purchase", "redeem"], rule: { fault: "500-after" }, processes: true },
  { name: "429 with Retry-After", calls: ["purchase", "redeem"], rule: { fault: "429", "retry-after": 1 } },
  { name: "truncated body", calls: ["purchase", "redeem"], rule: { fault: "truncated" }, processes: true },
  { name: "truncated chunked body", calls: ["purchase", "redeem"], rule: { fault: "truncated-chunked" }, processes: true },
  { name: "malformed JSON", calls: ["purchase", "redeem"], rule: { fault: "malformed-json" }, processes: true },
  { name: "bad signature", calls: ["purchase"], rule: { fault: "wrong-signature" }, processes: true, endsAs: "blind_signature_invalid" },
  { name: "403 then ready", calls: ["redeem"], rule: { fault: "403-then-ready", times: 2 } },
  { name: "sticky 500 before processing", calls: ["purchase", "redeem"], rule: { fault: "sticky-500-before" }, sticks: true },
  { name: "sticky 500 after processing", calls: ["purchase", "redeem"], rule: { fault: "sticky-500-after" }, processes: true, sticks: true },
  { name: "500 before processing, kept", calls: ["redeem"], rule: { fault: "500-before", times: 1 }, sticks: true, kept: true },
  { name: "500 before processing, kept", calls: ["purchase"], rule: { fault: "500-before", times: 1 }, sticks: true, kept: true, endsAs: "purchase_unknown", billed: 0, only: "survives" },
  { name: "500 after processing, kept", calls: ["purchase"], rule: { fault: "500-after", times: 1 }, processes: true, sticks: true, kept: true, endsAs: "purchase_unknown" },
  { name: "key rotated after the challenge", calls: ["purchase"], rule: { fault: "key-rotated" }, at: "challenge" },
  { name: "expired challenge", calls: ["purchase"], rule: { fault: "expired-challenge" }, at: "challenge" },
];

/**
 * The simulator's rules. What strikes is counted per relay or idempotency key where the driver has one to count by.
 * @param {Fault} fault @param {"purchase" | "redeem"} call
 * @param {{ killed: boolean, each: boolean, hangMs: number, times: number }} how `killed`: hold what was processed, once.
 *   `times`: how often the fault strikes in a row
 */
export function rulesFor({ rule, processes, at, hangs, sticks }, call, { killed, each, hangMs, times }) {
  const hold = killed ? [{ call, "hold-after": true, times: 1, each }] : [];
  if (rule === undefined) return hold;
  if (at === "challenge") return [...["challenge", "relay-challenge"].map((asked) => ({ times: 1, ...rule, call: asked })), ...hold];
  const strike = { times: sticks ? 1 : times, ...rule, call, each, ...(hangs ? { ms: hangMs } : {}) };
  if (!killed) return [strike];
  // Struck again after the restart; a key that sticks stays stuck by itself.
  if (processes) return [{ ...strike, times: 1, "hold-after": true }, ...(sticks ? [] : [strike])];
  return [strike, ...hold];
}
