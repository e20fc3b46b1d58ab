/** The Worker's and the ledger objects' side of the passes bought ahead. */
import { type Env, ConfigError, type ManagedConfig, isSandboxKey, readConfig } from "./env.js";
import { describeFault } from "./errors.js";
import { Refused } from "./ledger_outcomes.js";
import { writePoolLog } from "./log.js";
import type { Pool, Shelf } from "./pool_protocol.js";

/** Whether passes of a shelf are bought ahead in this deployment. */
export function isPooled({ passPool, apiKey }: ManagedConfig, { claimType, sandbox }: Shelf): boolean {
  return passPool !== undefined && passPool.has(claimType) && sandbox === isSandboxKey(apiKey);
}

/**
 * Asks the object. One that could not be reached, or was reset under the call by a deployment, is asked once more: whatever it
 * is asked may be asked twice.
 *
 * @throws Refused
 */
export async function askPool<T>({ pool, baseUrl }: ManagedConfig, ask: (pool: Pool) => Promise<T>): Promise<T> {
  if (pool === undefined) throw new Refused({ why: "misconfigured", problems: ["POOL is missing, and a pass of it was asked for: bind the Durable Object class PassPool under that name in wrangler.toml"] });
  // Passes of another upstream are none of this one.
  const find = () => pool.get(pool.idFromName(`pool ${baseUrl.replace(/\/+$/, "")}`)) as Pool;
  try {
    return await ask(find()).catch(() => ask(find()));
  } catch {
    throw new Refused({ why: "unreachable" });
  }
}

/**
 * The record of a pass, bound to who takes it, or `null` when there is none.
 *
 * @throws Refused when nobody knows: it may be bound then
 */
export async function takeFromPool(config: ManagedConfig, taker: string, shelf: Shelf, { ifBound }: { ifBound: boolean }): Promise<string | null> {
  const outcome = await askPool(config, (pool) => pool.take(taker, shelf, { ifBound }));
  if (outcome.ok) return outcome.value.record;
  throw new Refused("refusal" in outcome ? outcome.refusal : { why: "fault", fault: outcome.failure.code });
}

/** What the clock sets going. Never rejects. */
export async function topUpPool(env: Env): Promise<void> {
  const config = readConfig(env);
  if (config instanceof ConfigError) return writePoolLog("error", { code: "misconfigured", mend: [...config.problems] });
  if (config.mode !== "managed" || config.passPool === undefined) return;
  try {
    await askPool(config, (pool) => pool.topUp());
  } catch (error) {
    writePoolLog("warn", error instanceof Refused ? { code: "store_unavailable" } : { code: "internal", fault: describeFault(error) });
  }
}
