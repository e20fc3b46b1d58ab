/** What the gateway uses of `DatabaseSync` (`node:sqlite` of Node >= 22.13 and Deno) and `Database` (`bun:sqlite`). */
export interface GatewayDatabase {
  exec(sql: string): unknown;
  prepare(sql: string): {
    get(...values: any[]): any;
    run(...values: any[]): any;
    all(...values: any[]): any[];
  };
  close(): unknown;
}

export interface GatewayOptions {
  /** Variables and secrets, such as `process.env`. Read once, and of it only the gateway's own names (docs/deploying.md). */
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * An open database, which managed mode needs: a file on a local disk. From now on it is the gateway's alone: no other
   * process may have the file open, and `close` closes it.
   */
  readonly database?: GatewayDatabase;
  /**
   * Performs creations, challenges and redemptions, which are anonymous, such as through a proxy: called as `fetch(url, init)`.
   * Purchases go over the runtime's `fetch` in any case. Default: the runtime's `fetch`.
   */
  readonly anonymousFetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** The gateway contract, as the Cloudflare Worker serves it. */
export interface Gateway {
  readonly mode: "managed" | "pass-through";
  /** Answers a request. Never rejects; may be passed on without its object. */
  readonly fetch: (request: Request) => Promise<Response>;
  /**
   * Answers 503 from now on, waits for what is under way, also for callers that are gone, and closes the database.
   *
   * `stopServer` ends the server in front of the gateway, such as `() => server.shutdown()` of Deno; until what it answers is
   * settled, requests are served as ever. After `limitMs` (default: `STOP_WITHIN_S` of `env`, or 30 s) nothing is waited for any
   * longer, not even a connection that never ends: end the process then. What is cut off goes on after the next start.
   */
  close(options?: { limitMs?: number; stopServer?: () => unknown }): Promise<void>;
}

/**
 * Makes a gateway for `Deno.serve`, `Bun.serve`, or Node's `http` with {@link nodeListener}.
 *
 * ```js
 * const gateway = openGateway({ env: process.env, database: new DatabaseSync("relay-edge.db") });
 * Deno.serve(gateway.fetch);
 * ```
 *
 * Whatever is under way when the process dies goes on, by itself, when a gateway is next opened over the same file.
 *
 * @throws GatewayConfigError when something in `env`, or the database, keeps it from serving
 */
export function openGateway(options: GatewayOptions): Gateway;

/** What the gateway can't be opened with. Each problem names what is wrong and its mend, and quotes no value. */
export class GatewayConfigError extends Error {
  readonly name: "GatewayConfigError";
  readonly problems: readonly string[];
  constructor(problems: readonly string[]);
}

/** A listener for `http.createServer` of Node. */
export function nodeListener(gateway: Pick<Gateway, "fetch">): (request: NodeRequest, response: NodeResponse) => void;

/** What {@link nodeListener} uses of `http.IncomingMessage`. */
export interface NodeRequest {
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly rawHeaders: string[];
  readonly complete: boolean;
  on(event: string, listener: (...values: any[]) => void): unknown;
  pause(): unknown;
  resume(): unknown;
}

/** What {@link nodeListener} uses of `http.ServerResponse`. */
export interface NodeResponse {
  readonly destroyed: boolean;
  on(event: string, listener: (...values: any[]) => void): unknown;
  writeHead(status: number, headers: Record<string, string>): unknown;
  end(body?: Uint8Array): unknown;
}

/**
 * The gateway's Worker as another Worker of the account has it, by a service binding to its entrypoint `RelayGateway` with
 * `props = { caller = "shop" }`: `env.GATEWAY: RelayGatewayBinding`. No token is needed; the caller is the one that has this
 * id among the gateway tokens too. Managed mode only.
 *
 * The methods answer what went wrong and don't throw it. What is thrown is the runtime's: the gateway could not be reached, or
 * broke off. Then the call may have been executed; the same call again goes on with it.
 */
export interface RelayGatewayBinding {
  /** The HTTP contract, without a gateway token. */
  fetch(request: Request): Promise<Response>;
  /** Makes a relay. Costs nothing. */
  createRelay(params: CreateRelayParams): Promise<BoundResult<BoundRelay>>;
  /** Buys a pass, or answers the one that was bought. **Costs money each time it succeeds without being `replayed`.** */
  issuePrivacyPass(params: IssuePrivacyPassParams): Promise<BoundResult<BoundPurchase>>;
  /** Spends a pass on a relay and reads the claim, or answers the one that was read. */
  redeemRelay(params: RedeemRelayParams): Promise<BoundResult<BoundRedemption>>;
  /** Tells where a relay stands. */
  viewRelay(params: ViewRelayParams): Promise<BoundResult<BoundView>>;
}

/** `replayed`: it was there before, and nothing was made or bought. */
export type BoundResult<T> = { ok: true; value: T; replayed: boolean } | { ok: false; error: BoundError };

/** What the gateway refused, or could not do; the codes are in docs/integrating.md. */
export interface BoundError {
  /** What it is over HTTP. */
  statusCode: number;
  code: string;
  title: string;
  /** Starts with the parameter that is wrong, when there is one. */
  details?: string;
  field?: string;
  meta?: Record<string, unknown>;
  /** Seconds until another try makes sense. */
  retryAfter?: number;
  /** Persona's. */
  requestId?: string;
}

export interface CreateRelayParams {
  claimType: string;
  /** Default: `null`, which leaves the claim in the clear. */
  encryptionKeyPem?: string | null;
  /** Default: as the gateway's API key is. */
  sandbox?: boolean;
  /** Asked again with the same key, it answers the same relay, for a day. */
  idempotencyKey?: string;
}

export type IssuePrivacyPassParams =
  | { claimType: string; sandbox?: boolean; idempotencyKey?: string }
  | { relayToken: string; relaySecret?: string };

export interface RedeemRelayParams {
  relayToken: string;
  /** Default: the gateway knows it. */
  relaySecret?: string;
  /** Default: the one that was bought for the relay. */
  privacyPassToken?: string;
}

export interface ViewRelayParams {
  relayToken: string;
  relaySecret?: string;
}

export interface BoundRelay {
  relayToken: string;
  /** Not there when the deployment withholds it. */
  relaySecret?: string;
  relaySessionAccessToken: string;
}

export interface BoundPurchase {
  privacyPassToken: string;
}

export interface BoundRedemption {
  claimPayload: string;
  tokenConsumed: boolean;
}

export interface BoundView {
  relayToken: string;
  claimType: string | null;
  sandbox: boolean | null;
  createdAt: string | null;
  purchase: BoundStanding;
  redemption: BoundStanding;
}

export interface BoundStanding {
  state: string;
  attempt: number;
  /** RFC 3339. */
  since?: string;
  inDoubt: boolean;
  unsettled: boolean;
  refusal?: { status: number; title?: string; details?: string; code?: string; requestId?: string };
}
