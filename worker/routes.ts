/** The table of routes. A path that is not in it is 404, a method that its route does not have is 405. */
import { jsonResponse, writtenResponse } from "./answer.js";
import { type Binding, bindingNeedsManagedMode, identifyCaller } from "./callers.js";
import type { Config, ManagedConfig, PassThroughConfig } from "./env.js";
import { GatewayError } from "./errors.js";
import { allowPurchaseAgain } from "./handlers/allow_purchase_again.js";
import { createRelay } from "./handlers/create_relay.js";
import { issuePrivacyPass } from "./handlers/issue_privacy_pass.js";
import { listIssuerKeys } from "./handlers/list_issuer_keys.js";
import { redeemRelay } from "./handlers/redeem_relay.js";
import { viewPool } from "./handlers/view_pool.js";
import { viewRelay } from "./handlers/view_relay.js";
import { type LedgerClient, openLedger } from "./ledger_client.js";
import type { LogFields } from "./log.js";
import { openapiJson } from "./openapi.js";
import { openRelayStore, type RelayStore } from "./relay_records.js";
import { countAddress, countCaller } from "./request_limit.js";

/** A request on its way to its handler. */
export interface Call {
  readonly request: Request;
  /** The `{relay-token}` of the path as it came, percent-encoded and unchecked; empty for routes without one. */
  readonly rawRelayToken: string;
  readonly log: LogFields;
  readonly deployment: PassThrough | Managed;
}

export interface PassThrough {
  readonly mode: "pass-through";
  readonly config: PassThroughConfig;
}

export interface Managed {
  readonly mode: "managed";
  readonly config: ManagedConfig;
  readonly store: RelayStore;
  readonly ledger: LedgerClient;
  /** Who it is, however that is known. */
  readonly callerId: string;
}

/** Finds the handler and runs it, in managed mode for a caller that is known. @throws GatewayError */
export async function dispatch(request: Request, config: Config, log: LogFields, binding?: Binding): Promise<Response> {
  const path = new URL(request.url).pathname;
  for (const { pattern, expression, methods, managedOnly } of routes) {
    const match = expression.exec(path);
    if (match === null || (managedOnly && config.mode !== "managed")) continue;
    log.route = pattern;
    const handler = Object.hasOwn(methods, request.method) ? methods[request.method] : undefined;
    if (handler === undefined) throw methodNotAllowed(Object.keys(methods));
    if (handler === "health") return jsonResponse(200, { status: "ok", mode: config.mode, egress: config.egress.name });
    if (handler === "description") return writtenResponse(200, openapiJson());
    return handler({ request, rawRelayToken: match[1] ?? "", log, deployment: await admit(request, config, log, binding) });
  }
  throw new GatewayError(404, "not_found", "There is nothing at this path.");
}

type Handler = (call: Call) => Promise<Response>;

export interface Route {
  /** As it is logged and documented. */
  readonly pattern: string;
  readonly expression: RegExp;
  /** `health` and `description` need no caller. */
  readonly methods: Readonly<Record<string, Handler | "health" | "description">>;
  /** In pass-through mode nothing is known that it could be about. */
  readonly managedOnly?: true;
}

/** What {@link dispatch} goes by; openapi.ts describes the same. */
export const routes: readonly Route[] = [
  { pattern: "/healthz", expression: /^\/healthz$/, methods: reads("health") },
  { pattern: "/openapi.json", expression: /^\/openapi\.json$/, methods: reads("description") },
  { pattern: "/issuer-keys", expression: /^\/issuer-keys$/, methods: reads(listIssuerKeys), managedOnly: true },
  { pattern: "/pool", expression: /^\/pool$/, methods: reads(viewPool), managedOnly: true },
  { pattern: "/relays", expression: /^\/relays$/, methods: { POST: createRelay } },
  { pattern: "/relays/privacy-passes", expression: /^\/relays\/privacy-passes$/, methods: { POST: issuePrivacyPass } },
  { pattern: "/relays/{relay-token}", expression: /^\/relays\/([^/]+)$/, methods: reads(viewRelay), managedOnly: true },
  {
    pattern: "/relays/{relay-token}/privacy-pass/allow-again",
    expression: /^\/relays\/([^/]*)\/privacy-pass\/allow-again$/,
    methods: { POST: allowPurchaseAgain },
    managedOnly: true,
  },
  { pattern: "/relays/{relay-token}/redeem", expression: /^\/relays\/([^/]*)\/redeem$/, methods: { POST: redeemRelay } },
];

/** HEAD is GET, and the runtime leaves the body out (RFC 9110 section 9.3.2). */
function reads(handler: Handler | "health" | "description"): Route["methods"] {
  return { GET: handler, HEAD: handler };
}

async function admit(request: Request, config: Config, log: LogFields, binding: Binding | undefined): Promise<PassThrough | Managed> {
  if (config.mode === "pass-through") {
    if (binding !== undefined) throw bindingNeedsManagedMode();
    await countAddress(config.requests, request);
    return { mode: config.mode, config };
  }
  const callerId = await identifyCaller(request, config, binding).catch(async (error: unknown) => {
    await countAddress(config.requests, request);
    throw error;
  });
  log.caller = callerId;
  await countCaller(config.requests, callerId);
  return { mode: config.mode, config, callerId, store: await openRelayStore(config), ledger: openLedger(config) };
}

function methodNotAllowed(allowed: readonly string[]): GatewayError {
  const allow = allowed.join(", ");
  return new GatewayError(405, "method_not_allowed", "The path does not have this method.", {
    details: `allowed: ${allow}`,
    headers: { allow },
  });
}
