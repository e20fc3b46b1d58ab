/**
 * Whether a key that a purchase was offered may be bought under. Pure. Times are in Unix milliseconds.
 *
 * **[assumed]** Everybody is offered the same key for a claim type and environment, in both forms of the challenge, and it lasts
 * for `ISSUER_KEY_MIN_DAYS` at least.
 */
import type { IssuerKeySettings, Pin } from "./issuer_key_settings.js";
import type { Observation, OfferedKey, Verdict } from "./issuer_keys_protocol.js";

/** A look that is older does not vouch for a key: an issuer could keep an old key for one platform. */
export const SIGHT_MS = 7 * 24 * 60 * 60_000;

const DAY_MS = 24 * 60 * 60_000;

export const ACCEPTED: Verdict = { ok: true };

/** What the pins say; `undefined` when they say nothing about this key. */
export function judgeByPins(key: OfferedKey, pins: readonly Pin[]): Verdict | undefined {
  const named = pins.filter(({ keyHash }) => keyHash === key.keyHash);
  if (named.some(({ claimType }) => claimType === undefined || key.claimType === null || claimType === key.claimType)) return ACCEPTED;
  if (!pins.some(({ claimType }) => claimType !== undefined && claimType === key.claimType)) return undefined;
  return { ok: false, mend: `ISSUER_KEY_PINS: ${nameOf(key)} is none of the keys that are pinned for the claim type; ask Persona, then add ${pinOf(key)}` };
}

/** The looks that vouch for a key: same key, same id, same claim type if that is known, and lately. */
export function vouching(key: OfferedKey, seen: readonly Observation[], now: number): Observation[] {
  return seen.filter(({ claimType, sandbox, keyHash, tokenKeyId, anonymousLast }) =>
    sandbox === key.sandbox && (key.claimType === null || claimType === key.claimType) &&
    keyHash === key.keyHash && tokenKeyId === key.tokenKeyId && anonymousLast !== null && now - anonymousLast < SIGHT_MS);
}

export function judgeBySight(key: OfferedKey, seen: readonly Observation[], { minDays }: IssuerKeySettings, now: number): Verdict {
  const vouchers = vouching(key, seen, now);
  if (vouchers.length === 0) {
    const unknown = key.claimType === null ? " (the relay was not made here, so the looks were by the claim types that are known)" : "";
    return { ok: false, mend: `${nameOf(key)} was offered to a purchase and to no look that named nobody${unknown}; if it stays, ask Persona, then add ISSUER_KEY_PINS=${pinOf(key)}` };
  }
  const hasty = vouchers.map((voucher) => haste(voucher, seen, minDays * DAY_MS, now));
  if (hasty.includes(undefined)) return ACCEPTED;
  const [first] = hasty as [Haste, ...Haste[]]; // as many as vouchers
  const hours = (first.lastedMs / 3_600_000).toFixed(1);
  const until = new Date(first.until).toISOString();
  return { ok: false, mend: `${nameOf(key)} took the place of another after ${hours} hours, where ISSUER_KEY_MIN_DAYS is ${minDays}; ask Persona, then add ISSUER_KEY_PINS=${pinOf(key)}, or wait until ${until}` };
}

interface Haste {
  /** How long the key before it had been there. */
  readonly lastedMs: number;
  /** When the key is old enough by itself. */
  readonly until: number;
}

/** `undefined`: the key is the first, or came after a while, or has been there for a while. Only what looks saw counts. */
function haste(key: Observation, seen: readonly Observation[], leastMs: number, now: number): Haste | undefined {
  const came = key.anonymousFirst ?? now;
  const before = seen
    .filter(({ claimType, sandbox }) => claimType === key.claimType && sandbox === key.sandbox)
    .flatMap(({ anonymousFirst }) => (anonymousFirst !== null && anonymousFirst < came ? [anonymousFirst] : []));
  if (before.length === 0) return undefined;
  const lastedMs = came - Math.max(...before);
  if (lastedMs >= leastMs || now - came >= leastMs) return undefined;
  return { lastedMs, until: came + leastMs };
}

function nameOf({ claimType, sandbox, keyHash, tokenKeyId }: OfferedKey): string {
  // Upstream's text in an operator's terminal: visible ASCII, and not much of it.
  const id = tokenKeyId.slice(0, 64).replace(/[^\x21-\x7e]/g, "?");
  return `the issuer key ${keyHash} (id ${id}) of ${claimType ?? "a relay"} in ${sandbox ? "the sandbox" : "production"}`;
}

function pinOf({ claimType, keyHash }: OfferedKey): string {
  return claimType === null ? keyHash : `${claimType}:${keyHash}`;
}
