/**
 * Relay Edge outside Cloudflare: the code of worker/, served by a process of Node, Deno or Bun over one SQLite database
 * (docs/hosting.md). What KV, Durable Objects, alarms, cron triggers and waitUntil are there is done here by entries.ts,
 * objects.ts, alarms.ts, pool.ts and {@link Gateway.close}.
 */
import { CustomEgress } from "../worker/egress.js";
import { ConfigError, type Env, readConfig } from "../worker/env.js";
import { errorResponse, storeUnavailable } from "../worker/errors.js";
import { handle } from "../worker/handle.js";
import { IssuerKeys } from "../worker/issuer_keys.js";
import { IssuerKeysTable } from "../worker/issuer_keys_table.js";
import { PassPool } from "../worker/pass_pool.js";
import { AlarmClock } from "./alarms.js";
import { type GatewayDatabase, openDatabase, WHAT_DATABASE } from "./database.js";
import { RelayEntriesTable } from "./entries.js";
import { LedgerActors } from "./objects.js";
import { PoolClock, poolHome } from "./pool.js";
import { PurchaseCounters } from "./purchase_counters.js";
import { RequestWindows } from "./request_windows.js";
import { logTrouble } from "./trouble.js";
import { Unfinished } from "./unfinished.js";

export { nodeListener } from "./node_listener.js";
export type { GatewayDatabase } from "./database.js";

export interface GatewayOptions {
  /** Variables and secrets, such as `process.env`: read once, and only the names that docs/deploying.md lists. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Needed in managed mode. From now on the gateway's alone; {@link Gateway.close} closes it. */
  readonly database?: GatewayDatabase;
  /**
   * Performs creations, challenges and redemptions, which are anonymous, such as through a proxy: called as `fetch(url, init)`.
   * Purchases go over the runtime's `fetch` in any case. Default: the runtime's `fetch`.
   */
  readonly anonymousFetch?: (url: string, init: RequestInit) => Promise<Response>;
}

export interface Gateway {
  readonly mode: "managed" | "pass-through";
  /** Answers a request. Never rejects; may be passed on without its object. */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * Takes no more requests, waits for what is under way, also for callers that are gone, and closes the database. `stopServer`
   * ends the server in front: what it still lets through is answered until its promise is settled. After `limitMs` (default:
   * `STOP_WITHIN_S`, or 30 s) nothing is waited for any longer, a connection that never ends neither: what is then cut off goes on
   * after the next start.
   */
  close(options?: { limitMs?: number; stopServer?: () => unknown }): Promise<void>;
}

/** @throws GatewayConfigError when something in `env`, or the database, keeps the gateway from serving */
export function openGateway({ env: given, database, anonymousFetch }: GatewayOptions): Gateway {
  const texts: Env = Object.fromEntries(VARIABLES.map((name) => [name, given[name]]).filter(([, value]) => value !== undefined));
  const env: Env = anonymousFetch === undefined ? texts : { ...texts, EGRESS: new CustomEgress(anonymousFetch) };
  const problems: string[] = [];
  if (anonymousFetch !== undefined && typeof anonymousFetch !== "function") throw new GatewayConfigError(["anonymousFetch must be a function, called as fetch(url, init)"]);
  const perMinute = requestsPerMinute(given.REQUESTS_PER_MINUTE, problems);
  const stopWithinMs = 1000 * stopWithin(given.STOP_WITHIN_S, problems);
  const mode = modeOf(env, database, problems);
  if (mode === undefined) throw new GatewayConfigError(problems);

  const unfinished = new Unfinished();
  const state = mode === "managed" && database !== undefined ? openState(database, env, unfinished, problems) : undefined;
  if (problems.length > 0) throw new GatewayConfigError(problems);
  const served: Env = { ...(state?.env ?? env), ...(perMinute !== undefined && { REQUESTS: new RequestWindows(perMinute) }) };
  let closing: Promise<void> | undefined;
  let closed = false;

  return {
    mode,
    async fetch(request) {
      if (closed) return errorResponse(storeUnavailable());
      return unfinished.add(handle(request, served));
    },
    close({ limitMs = stopWithinMs, stopServer } = {}) {
      closing ??= (async () => {
        state?.stop();
        closed = stopServer === undefined;
        if (stopServer !== undefined) unfinished.add(Promise.resolve().then(stopServer)).catch(logTrouble);
        await unfinished.ended(limitMs);
        closed = true;
        database?.close();
      })();
      return closing;
    },
  };
}

/** The gateway can't serve. Each problem names what is wrong and its mend, never a value. */
export class GatewayConfigError extends Error {
  override readonly name = "GatewayConfigError";
  constructor(readonly problems: readonly string[]) {
    super(`the gateway is not configured: ${problems.join("; ")}`);
  }
}

/** What is read of the environment: the bindings that are texts. */
const VARIABLES = [
  "PERSONA_API_KEY",
  "GATEWAY_TOKENS",
  "STORE_KEYS",
  "IDEMPOTENCY_KEYS",
  "PERSONA_BASE_URL",
  "PERSONA_VERSION",
  "WITHHOLD_RELAY_SECRET",
  "PURCHASES_PER_DAY",
  "ACCESS_TEAM_DOMAIN",
  "ACCESS_AUD",
  "REDEEM_DELAY_S",
  "ISSUER_KEY_PINS",
  "ISSUER_KEY_MIN_DAYS",
  "PERMISSIVE_ISSUER_KEYS",
  "PASS_POOL",
] as const satisfies (keyof Env)[];

/** A setting of hosts only: on Cloudflare the binding has the number. */
function requestsPerMinute(value: string | undefined, problems: string[]): number | undefined {
  if (value === undefined) return undefined;
  if (!/^[1-9]\d{0,8}$/.test(value)) problems.push("REQUESTS_PER_MINUTE must be a number from 1 to 999999999");
  return Number(value);
}

/** A setting of hosts only, in seconds. */
function stopWithin(value: string | undefined, problems: string[]): number {
  if (value === undefined) return 30;
  if (!/^\d{1,4}$/.test(value)) problems.push("STOP_WITHIN_S must be a number from 0 to 9999");
  return Number(value);
}

/** Stand in while the texts are checked: what managed mode needs besides them comes from the database. */
const ELSEWHERE = { RELAYS: {}, LEDGER: {}, LIMITS: {}, ISSUER_KEYS: {}, POOL: {} } as Pick<Env, "RELAYS" | "LEDGER" | "LIMITS" | "ISSUER_KEYS" | "POOL">;

function modeOf(env: Env, database: unknown, problems: string[]): Gateway["mode"] | undefined {
  const config = readConfig({ ...env, ...ELSEWHERE });
  if (config instanceof ConfigError) problems.push(...config.problems);
  const managed = !(config instanceof ConfigError) && config.mode === "managed";
  if (managed && database === undefined) {
    problems.push(`database is missing: managed mode needs ${WHAT_DATABASE}`);
  }
  return problems.length > 0 || config instanceof ConfigError ? undefined : config.mode;
}

/** Everything of managed mode that lives as long as the gateway. */
function openState(database: GatewayDatabase, texts: Env, unfinished: Unfinished, problems: string[]) {
  const db = openDatabase(database, problems);
  if (db === undefined) return undefined;
  const entries = new RelayEntriesTable(db);
  const counters = new PurchaseCounters(db);
  const env: Env = {
    ...texts,
    RELAYS: entries,
    LEDGER: { idFromName: (name: string) => name, get: (name: string) => actors.get(name) },
    LIMITS: { idFromName: (name: string) => name, get: (name: string) => counters.get(name) },
    // A process has one upstream, so there is one name, and one object may live as long.
    ISSUER_KEYS: { idFromName: (name: string) => name, get: (name: string) => (books ??= openBooks(name)) },
    POOL: { idFromName: (name: string) => name, get: (name: string) => (pool ??= new PassPool(env, poolHome(db, name))) },
  };
  const openBooks = (name: string) => new IssuerKeys(env, new IssuerKeysTable((statement, ...values) => db.sql(statement).all(...values), name));
  let books: IssuerKeys | undefined;
  let pool: PassPool | undefined;
  const clock = new AlarmClock(db, (name) => unfinished.add(actors.alarm(name)));
  const actors: LedgerActors = new LedgerActors(db, env, (at) => clock.changed(at));
  const topUps = new PoolClock(env, db, (work) => unfinished.add(work));
  clock.start();
  entries.startSweeping();
  topUps.start();
  return {
    env,
    stop() {
      clock.stop();
      entries.stopSweeping();
      topUps.stop();
      pool?.stop();
    },
  };
}
