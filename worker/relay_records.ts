/**
 * What managed mode remembers of a relay in KV: what does not change. Entries are written once and never changed: KV has no compare-and-set and shows
 * a write, or an absence, for a minute after it stopped being true. So `undefined` means "not seen", never "does not exist".
 */
import type { ManagedConfig } from "./env.js";
import { storeUnavailable, storedRecordInvalid } from "./errors.js";
import { type SealingKey, UnsealError, deriveKeys, entryName, hex, seal, unseal } from "./seal.js";

/** How long an entry is kept, in seconds: as long as a pass lives (docs/protocol.md). */
export const ENTRY_TTL_S = 90 * 24 * 60 * 60;

/** A relay that was made here. */
export interface RelayRecord {
  readonly v: 1;
  readonly relaySecret: string;
  readonly claimType: string;
  readonly sandbox: boolean;
  /** The id of the gateway token that made it; to others the relay does not exist. */
  readonly callerId: string;
  /** RFC 3339. */
  readonly createdAt: string;
}

/** Where the records are. Rejects with a {@link GatewayError} that can be answered as it is. */
export interface RelayStore {
  relay(relayToken: string): Promise<RelayRecord | undefined>;
  putRelay(relayToken: string, record: RelayRecord): Promise<void>;
  /** When everything of the relay is over. */
  forgetRelay(relayToken: string): Promise<void>;
  /** Stands for the relay in the log: 16 hex characters of its entry's name. */
  logId(relayToken: string): Promise<string>;
}

/** The store of a deployment in managed mode: Workers KV, named and sealed under `STORE_KEYS`. Cheap; make one per request. */
export async function openRelayStore(config: ManagedConfig): Promise<RelayStore> {
  const kv = config.relays;
  const keys = await deriveKeys(config.storeKeys);
  const first = keys[0] as SealingKey; // STORE_KEYS has at least one
  /** The latest name under the first key: a request is about one relay. */
  let latest: { readonly relayToken: string; readonly name: string } | undefined;
  const nameOf = async (relayToken: string): Promise<string> => {
    if (latest?.relayToken !== relayToken) latest = { relayToken, name: await entryName(first, RELAY, relayToken) };
    return latest.name;
  };

  return {
    /** An entry has the name that the key gives it which was first when it was written. */
    async relay(relayToken) {
      for (const key of keys) {
        const name = key === first ? await nameOf(relayToken) : await entryName(key, RELAY, relayToken);
        const value = await kv.get(name).catch(() => {
          throw storeUnavailable();
        });
        if (value !== null) return parseRecord(await openValue(keys, name, value));
      }
      return undefined;
    },
    async putRelay(relayToken, record) {
      const name = await nameOf(relayToken);
      const value = await seal(first, name, JSON.stringify(record));
      await kv.put(name, value, { expirationTtl: ENTRY_TTL_S }).catch(() => {
        throw storeUnavailable();
      });
    },
    async forgetRelay(relayToken) {
      for (const key of keys) await kv.delete(await entryName(key, RELAY, relayToken));
    },
    async logId(relayToken) {
      return (await nameOf(relayToken)).slice(RELAY.length + 1, RELAY.length + 17);
    },
  };
}

/** Stands for a relay in the log of pass-through mode, which has no keys: 16 hex characters of its SHA-256. */
export async function relayLogId(relayToken: string): Promise<string> {
  return hex(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(relayToken))).slice(0, 16);
}

const RELAY = "relay";

async function openValue(keys: readonly SealingKey[], name: string, value: string): Promise<string> {
  try {
    return await unseal(keys, name, value);
  } catch (error) {
    if (error instanceof UnsealError) throw storedRecordInvalid("RELAYS: an entry can't be opened: it was altered, or its key was replaced under the same id");
    throw error;
  }
}

/** Only what was sealed here gets this far, so its version says what it is. */
function parseRecord(text: string): RelayRecord {
  const record = JSON.parse(text) as RelayRecord;
  if (record.v !== 1) throw storedRecordInvalid("RELAYS: an entry has a version that this release does not know");
  return record;
}
