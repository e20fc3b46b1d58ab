/**
 * How creations, challenges and redemptions leave: they are anonymous, and what they leave through says who sends them as
 * much as what is in them (docs/deploying.md, "What a redemption gives away"). Purchases are not, and always go directly.
 */
import type { PersonaOptions } from "../pkg/workerd.js";

type Fetch = NonNullable<PersonaOptions["fetch"]>;

/** What is used of a service binding to the Worker of egress/. */
export interface EgressService {
  readonly fetch: Fetch;
}

/** A `fetch` of the operator's own, such as through a proxy: outside Cloudflare, in the place of the service. */
export class CustomEgress implements EgressService {
  constructor(readonly fetch: Fetch) {}
}

/** Seconds after a caller asked for a claim, at a random one of which it is redeemed. */
export interface RedeemDelay {
  readonly min: number;
  readonly max: number;
}

/** How a deployment lets anonymous calls leave. */
export interface Egress {
  /** `direct`, or what there is of `service` or `custom`, and `delayed`. */
  readonly name: string;
  /** For the SDK. `undefined`: the runtime's. */
  readonly fetch: Fetch | undefined;
  readonly delay: RedeemDelay | undefined;
}

/** The service may be none: then the gateway itself performs the calls. */
export function egressOf(service: EgressService | undefined, delay: RedeemDelay | undefined): Egress {
  const through = service === undefined ? undefined : service instanceof CustomEgress ? "custom" : "service";
  const name = [through, delay && "delayed"].filter((part) => part !== undefined).join("+") || "direct";
  if (service === undefined) return { name, fetch: undefined, delay };
  const anonymous: Fetch = through === "custom" ? (url, init) => service.fetch(url, init) : (url, init) => service.fetch(bare(url), init);
  return { name, fetch: (url, init) => (isPurchase(url) ? fetch(url, init) : anonymous(url, init)), delay };
}

/** `min-max` in whole seconds, up to {@link LONGEST_DELAY_S}. */
export function parseRedeemDelay(text: string): RedeemDelay | undefined {
  const [min = -1, max = -1] = /^(\d{1,5})-(\d{1,5})$/.exec(text)?.slice(1).map(Number) ?? [];
  return min >= 0 && min <= max && max > 0 && max <= LONGEST_DELAY_S ? { min, max } : undefined;
}

/** With the last of the alarms that ask again, after 20 h, this is within the 24 h for which the upstream remembers a key. */
export const LONGEST_DELAY_S = 3 * 60 * 60;

/** The one call that carries the API key: it has nothing to do on the way of the others. */
function isPurchase(url: string): boolean {
  return new URL(url).pathname.endsWith("/api/v1/privacy-passes");
}

/** The service knows by itself where Persona is, and takes only the path from us. */
function bare(url: string): string {
  const { pathname } = new URL(url);
  return `https://egress.invalid${pathname.slice(Math.max(0, pathname.lastIndexOf("/api/privacy/v1/relays")))}`;
}
