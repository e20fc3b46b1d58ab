/** Who calls: by the service binding that a request came in through, by Cloudflare Access, or by a gateway token. */
import { accessAssertion, accessCaller } from "./access.js";
import { authenticateCaller } from "./auth.js";
import { ConfigError, type ManagedConfig } from "./env.js";
import { GatewayError } from "./errors.js";
import { isCallerId } from "./settings.js";

/** A request that did not come from the public: another Worker's, through a service binding. */
export interface Binding {
  /** What the binding was given in the configuration of that Worker. */
  readonly props: unknown;
}

/** The id of the caller. @throws GatewayError 401, or 403 when a binding does not name its caller */
export async function identifyCaller(request: Request, config: ManagedConfig, binding: Binding | undefined): Promise<string> {
  if (binding !== undefined) return namedIn(binding);
  const assertion = config.access === undefined ? undefined : accessAssertion(request);
  // One that is bad is no reason to look for a token: somebody claims to be whom they are not.
  if (config.access !== undefined && assertion !== undefined) return accessCaller(assertion, config.access);
  return authenticateCaller(request, config.gatewayTokens);
}

/** In pass-through mode there are no callers that could be named. */
export function bindingNeedsManagedMode(): ConfigError {
  return new ConfigError(["RelayGateway, the entrypoint for service bindings, needs managed mode: set PERSONA_API_KEY, GATEWAY_TOKENS and STORE_KEYS"]);
}

/** The account's own configuration says it, so nothing has to be proved. */
function namedIn({ props }: Binding): string {
  const caller = typeof props === "object" && props !== null && Object.hasOwn(props, "caller") ? (props as { caller: unknown }).caller : undefined;
  if (typeof caller === "string" && isCallerId(caller)) return caller;
  const problem = caller === undefined ? "is missing" : "must be 1 to 64 of A-Z a-z 0-9 _ -";
  throw new GatewayError(403, "caller_not_named", "The service binding does not say who calls.", {
    details: `props.caller ${problem}: give the binding props = { caller = "shop" } where the calling Worker is configured`,
  });
}
