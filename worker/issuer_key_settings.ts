/** The settings about issuer keys, parsed. Their meaning: docs/deploying.md, "Issuer keys". */
import { Mend } from "./settings.js";

/** A key that is accepted without a look, and, for a claim type, alone. */
export interface Pin {
  /** `undefined`: it is accepted for every claim type, and others are too. */
  readonly claimType: string | undefined;
  /** SHA-256 of the DER, 64 lower-case hexadecimal digits. */
  readonly keyHash: string;
}

export interface IssuerKeySettings {
  /** What is suspicious is logged, and bought all the same. */
  readonly permissive: boolean;
  /** How many days a key lasts at least before another takes its place; 0: any time. */
  readonly minDays: number;
  readonly pins: readonly Pin[];
}

export const DEFAULT_MIN_DAYS = 1;

/** `hash` or `claim_type:hash`, separated by commas. @throws Mend */
export function parsePins(value: string): Pin[] {
  return value.split(",").map((entry, index) => {
    const [, claimType, keyHash] = /^(?:([A-Za-z0-9_-]{1,128}):)?([0-9a-fA-F]{64})$/.exec(entry) ?? [];
    if (keyHash === undefined) throw new Mend(`entry ${index + 1}: must be the SHA-256 of a key in 64 hexadecimal digits, or claim_type:SHA-256`);
    return { claimType, keyHash: keyHash.toLowerCase() };
  });
}

/** @throws Mend */
export function parseMinDays(value: string): number {
  if (!/^\d{1,3}$/.test(value) || Number(value) > 365) throw new Mend("must be a whole number of days from 0 to 365");
  return Number(value);
}
