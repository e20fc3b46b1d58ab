/** `GET /pool`: how many passes are bought ahead, and how old they are. No pass. */
import { jsonResponse } from "../answer.js";
import { refused } from "../ledger_client.js";
import { Refused } from "../ledger_outcomes.js";
import { askPool } from "../pool_client.js";
import type { ShelfView } from "../pool_protocol.js";
import type { Call } from "../routes.js";

export async function viewPool({ deployment }: Call): Promise<Response> {
  if (deployment.mode !== "managed") throw new TypeError("the route is there in managed mode only");
  const { config } = deployment;
  const shelves = config.pool === undefined || config.passPool === undefined ? [] : await askPool(config, (pool) => pool.view()).catch((error: unknown) => {
    throw error instanceof Refused ? refused(error.refusal) : error;
  });
  return jsonResponse(200, { pool: shelves.map(shown) });
}

function shown({ claimType, sandbox, wanted, ready, buying, inDoubt, bound, oldest, newest, lastTopUp }: ShelfView) {
  return {
    "claim-type": claimType,
    sandbox,
    wanted,
    ready,
    buying,
    "in-doubt": inDoubt,
    bound,
    oldest: time(oldest),
    newest: time(newest),
    "last-top-up": lastTopUp && { at: time(lastTopUp.at), bought: lastTopUp.bought, "thrown-away": lastTopUp.thrownAway, code: lastTopUp.code },
  };
}

function time(at: number | null): string | null {
  return at === null ? null : new Date(at).toISOString();
}
