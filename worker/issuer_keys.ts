/**
 * The books of issuer keys: which key was seen when, by purchases and by looks that name nobody, and whether a purchase may be
 * made under one (docs/protocol.md, "Issuer keys"). One object for the whole deployment, as long as its upstream is the same.
 */
import { ConfigError, type Env, type ManagedConfig, readConfig } from "./env.js";
import { ACCEPTED, judgeByPins, judgeBySight, vouching } from "./issuer_key_rules.js";
import type { IssuerKeyBooks, Observation, OfferedKey, Verdict } from "./issuer_keys_protocol.js";
import type { IssuerKeysTable } from "./issuer_keys_table.js";
import { sha256Hex } from "./seal.js";
import { lookingPersona } from "./upstream.js";

/** A look answers for so long. */
const LOOK_EVERY_MS = 2 * 60_000;

/** After a look that failed. */
const LOOK_AGAIN_MS = 10_000;

/** An id that is longer is kept as its hash. */
const LONGEST_ID = 128;

/**
 * Where to look for the key of a relay whose claim type is not known, besides what was bought before: the claim types that the
 * vendor documents. A relay of another is bought for when the key is pinned, or was seen by then.
 */
const DOCUMENTED = `live_human_presence age_over18_united_kingdom age_over18_germany age_over18_france age_over18_italy age_over18_brazil
  age_over18_australia age_over16_australia age_over18_verified age_over21_verified`.split(/\s+/);

export class IssuerKeys implements IssuerKeyBooks {
  /** By claim type and environment: who needs a look joins the one under way. */
  private readonly looking = new Map<string, Promise<void>>();

  constructor(private readonly env: Env, private readonly table: IssuerKeysTable) {}

  async judge(given: OfferedKey): Promise<Verdict> {
    const config = this.config();
    const { issuerKeys: settings } = config;
    const key = await brief(given);
    this.table.saw(key, "purchase", Date.now());
    const pinned = judgeByPins(key, settings.pins);
    if (pinned !== undefined) return pinned;

    const slots = key.claimType !== null ? [{ claimType: key.claimType, sandbox: key.sandbox }] : this.slotsToSearch(key);
    await Promise.all(slots.map((slot) => this.look(config, slot)));
    const verdict = judgeBySight(key, this.table.list(), settings, Date.now());
    if (verdict.ok) return ACCEPTED;
    const waits = slots.map((slot) => this.table.nextLookAt(slot) - Date.now());
    const lookWouldHelp = vouching(key, this.table.list(), Date.now()).length === 0;
    return { ...verdict, ...(lookWouldHelp && { retryAfterS: Math.max(1, Math.ceil(Math.min(...waits) / 1000)) }) };
  }

  async list(): Promise<Observation[]> {
    return this.table.list();
  }

  /** None, when a look has seen the key already, whatever its claim type. */
  private slotsToSearch(key: OfferedKey): Slot[] {
    const seen = this.table.list();
    if (vouching(key, seen, Date.now()).length > 0) return [];
    const known = seen.flatMap(({ claimType, sandbox }) => (claimType !== null && sandbox === key.sandbox ? [claimType] : []));
    return [...new Set([...known, ...DOCUMENTED])].map((claimType) => ({ claimType, sandbox: key.sandbox }));
  }

  /** Has a look taken, if it is time for one. */
  private look(config: ManagedConfig, slot: Slot): Promise<void> {
    const name = `${slot.sandbox} ${slot.claimType}`;
    const running = this.looking.get(name);
    if (running !== undefined) return running;
    if (this.table.nextLookAt(slot) > Date.now()) return Promise.resolve();
    const look = this.takeLook(config, slot).finally(() => this.looking.delete(name));
    this.looking.set(name, look);
    return look;
  }

  /** Asks which key is offered, as anybody could. One that gets no answer vouches for nothing. */
  private async takeLook(config: ManagedConfig, slot: Slot): Promise<void> {
    const seen = await lookingPersona(config).relays.issuerKey(slot).catch(() => undefined);
    if (seen === undefined) return this.table.setNextLookAt(slot, Date.now() + LOOK_AGAIN_MS);
    const { keyHash, tokenKeyId } = seen;
    this.table.saw(await brief({ ...slot, keyHash, tokenKeyId }), "look", Date.now());
    this.table.setNextLookAt(slot, Date.now() + LOOK_EVERY_MS);
  }

  private config(): ManagedConfig {
    const config = readConfig(this.env);
    if (config instanceof ConfigError || config.mode !== "managed") throw new TypeError("the books of issuer keys need managed mode");
    return config;
  }
}

interface Slot {
  readonly claimType: string;
  readonly sandbox: boolean;
}

async function brief(key: OfferedKey): Promise<OfferedKey> {
  if (key.tokenKeyId.length <= LONGEST_ID) return key;
  return { ...key, tokenKeyId: `sha256:${await sha256Hex(key.tokenKeyId)}` };
}
