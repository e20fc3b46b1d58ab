/**
 * The gateway for other Workers of the account, by service binding: no token, for the binding says who calls. Each method is
 * the HTTP call of its name, so that routes, limits, ownership and the log are the same. Its interface is in js/gateway.d.ts.
 *
 * An answer says `ok`, and no method throws for what a caller has to handle: of a thrown error only the message arrives, unless
 * both Workers have the compatibility flag `enhanced_error_serialization`.
 */
import { WorkerEntrypoint } from "cloudflare:workers";
import type { BoundPurchase, BoundRedemption, BoundRelay, BoundResult, BoundView, CreateRelayParams, IssuePrivacyPassParams, RedeemRelayParams, RelayGatewayBinding, ViewRelayParams } from "../js/gateway.js";
import type { Env } from "./env.js";
import { GatewayError, errorResponse, fieldError } from "./errors.js";
import { handle } from "./handle.js";
import { RELAY_TOKEN } from "./relay_access.js";

export class RelayGateway extends WorkerEntrypoint<Env, unknown> implements RelayGatewayBinding {
  override fetch(request: Request): Promise<Response> {
    const answer = handle(request, this.env, { props: this.ctx.props });
    this.ctx.waitUntil(answer); // as in index.ts
    return answer;
  }

  createRelay(params: CreateRelayParams): Promise<BoundResult<BoundRelay>> {
    return this.call("POST", params, ({ idempotencyKey, encryptionKeyPem = null, ...body }) => ["/relays", { ...body, encryptionKeyPem }, { idempotencyKey }]);
  }

  issuePrivacyPass(params: IssuePrivacyPassParams): Promise<BoundResult<BoundPurchase>> {
    return this.call("POST", params, ({ idempotencyKey, relaySecret, ...body }) => ["/relays/privacy-passes", body, { idempotencyKey, relaySecret }]);
  }

  redeemRelay(params: RedeemRelayParams): Promise<BoundResult<BoundRedemption>> {
    return this.call("POST", params, ({ relayToken, relaySecret, ...body }) => [`/relays/${segment(relayToken)}/redeem`, body, { relaySecret }]);
  }

  viewRelay(params: ViewRelayParams): Promise<BoundResult<BoundView>> {
    return this.call("GET", params, ({ relayToken, relaySecret }) => [`/relays/${segment(relayToken)}`, undefined, { relaySecret }]);
  }

  private async call<T>(method: string, params: unknown, describe: (params: Params) => [target: string, body: object | undefined, headers: Sent]): Promise<BoundResult<T>> {
    let response: Response;
    try {
      if (typeof params !== "object" || params === null) throw fieldError("params", "must be an object");
      const [target, body, { idempotencyKey, relaySecret }] = describe(params as Params);
      const headers = new Headers({ "content-type": "application/json" });
      // Quoted, as the header has it, so that a key may begin with a quote.
      if (idempotencyKey !== undefined) headers.set("idempotency-key", `"${visible("idempotency-key", idempotencyKey).replace(/["\\]/g, "\\$&")}"`);
      if (relaySecret !== undefined) headers.set("persona-relay-secret", visible("persona-relay-secret", relaySecret));
      response = await this.fetch(new Request(`https://gateway.invalid${target}`, { method, headers, ...(body !== undefined && { body: kebab(body) }) }));
    } catch (error) {
      // Not for what was done: `fetch` does not reject.
      if (!(error instanceof GatewayError)) throw error;
      response = errorResponse(error);
    }
    const { status, headers } = response;
    const answered: any = await response.json();
    if (status === 200) return { ok: true, value: camel(answered), replayed: headers.get("idempotent-replayed") === "true" };
    const { title, details, code, meta } = answered.errors[0];
    const [field, ...rest] = String(details ?? "").split(" ");
    const named = field !== undefined && code === "parameter_invalid" ? (SPELLING[field] ?? toCamel(field)) : undefined;
    const retryAfter = headers.get("retry-after");
    const requestId = headers.get("request-id");
    return {
      ok: false,
      error: {
        statusCode: status,
        code,
        title,
        ...(details !== undefined && { details: named === undefined ? details : [named, ...rest].join(" ") }),
        ...(named !== undefined && { field: named }),
        ...(meta !== undefined && { meta }),
        ...(retryAfter !== null && { retryAfter: Number(retryAfter) }),
        ...(requestId !== null && { requestId }),
      },
    };
  }
}

type Params = Record<string, unknown>;

/** What travels as a header. */
interface Sent {
  readonly idempotencyKey?: unknown;
  readonly relaySecret?: unknown;
}

/** Parameters that are not in kebab-case what they are in camelCase. */
const SPELLING: Readonly<Record<string, string>> = { "persona-relay-secret": "relaySecret" };

/** What is no relay token is one character that none has: the route refuses it, and the log has a line of it. */
function segment(relayToken: unknown): string {
  return typeof relayToken === "string" && RELAY_TOKEN.test(relayToken) ? relayToken : "%20";
}

/** What may stand in a header. @throws GatewayError 400 */
function visible(field: string, value: unknown): string {
  if (typeof value !== "string" || !/^[\x21-\x7e]{1,512}$/.test(value)) throw fieldError(field, "must be a string of visible ASCII characters");
  return value;
}

function kebab(body: object): string {
  const members = Object.entries(body).map(([name, value]) => [name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), value]);
  return JSON.stringify(Object.fromEntries(members));
}

function toCamel(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The members of an answer, and of what is in it. */
function camel(value: any): any {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [toCamel(name), camel(member)]));
}
