/** A small soak; `npm run soak` is the large one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { soak } from "./lib/soak.mjs";

const [relays, seed, kills] = [300, 20_261_121, 4];

test(`soak: ${relays} relays, ${kills} kills, seed ${seed}: the ledger and the callers agree`, async () => {
  const { violations, counts } = await soak({ relays, seed, kills });
  console.log(`seed ${seed}: ${JSON.stringify(counts)}`);
  assert.deepEqual(violations, [], `again: npm run soak -- --relays ${relays} --seed ${seed} --kills ${kills}`);
  assert.equal(counts.relays, relays);
  assert.ok(counts.faults > 100 && counts.reset > 20 && counts.repeated > 50, JSON.stringify(counts));
});
