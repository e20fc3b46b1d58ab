/** What the SDK is told about issuer keys: in managed mode the books are asked before anything is bought under a key. */
import type { OfferedIssuerKey, PersonaOptions } from "../pkg/workerd.js";
import { type Config, type ManagedConfig, isSandboxKey } from "./env.js";
import type { IssuerKeyBooks, Verdict } from "./issuer_keys_protocol.js";
import { Refused } from "./ledger_outcomes.js";
import { writeIssuerKeyLog } from "./log.js";

/** The options of a client for purchases. Its calls throw {@link Refused}. */
export function issuerKeyOptions(config: Config): PersonaOptions {
  const { permissive } = config.issuerKeys;
  return {
    permissiveIssuerKeys: permissive,
    async acceptIssuerKey(key) {
      // Only with permissiveIssuerKeys does one get this far.
      if (key.tokenKeyIdKind === "mismatch") writeIssuerKeyLog({ code: "issuer_key_mismatch", mend: [MISMATCH] });
      if (config.mode !== "managed" || wasAccepted(config, key)) return;
      const verdict = await ask(config, key);
      if (verdict?.ok === true) noteAccepted(config, key);
      if (verdict?.ok === true) return;
      if (!permissive) throw new Refused(verdict === undefined ? { why: "unreachable" } : { why: "issuer-key", ...verdict });
      writeIssuerKeyLog(verdict === undefined ? { code: "store_unavailable" } : { code: "issuer_key_suspicious", mend: [verdict.mend] });
    },
  };
}

export const MISMATCH = "Persona offers an issuer key under the id of another; ask Persona what the key is for (docs/deploying.md, \"Issuer keys\")";

/** The one object that keeps the books of this upstream. Another one's keys say nothing of its. */
export function openIssuerKeys({ baseUrl, issuerKeyBooks }: ManagedConfig): IssuerKeyBooks {
  return issuerKeyBooks.get(issuerKeyBooks.idFromName(`issuer-keys ${baseUrl}`)) as IssuerKeyBooks;
}

/**
 * What the books accept they accept for days, as long as the settings stand; so for a minute they are not asked again. In the
 * memory of one isolate, of its configuration.
 */
const ACCEPTED_MS = 60_000;

/** More keys at once than there are claim types: something is odd, and the books are asked. */
const MOST_KEPT = 100;

/** When a key was accepted, by all that the books go by. */
const accepted = new WeakMap<ManagedConfig, Map<string, number>>();

function wasAccepted(config: ManagedConfig, key: OfferedIssuerKey): boolean {
  const at = accepted.get(config)?.get(nameOf(key)) ?? -Infinity;
  const age = Date.now() - at;
  return age >= 0 && age < ACCEPTED_MS;
}

function noteAccepted(config: ManagedConfig, key: OfferedIssuerKey): void {
  const keys = accepted.get(config) ?? new Map<string, number>();
  if (keys.size >= MOST_KEPT) keys.clear();
  keys.set(nameOf(key), Date.now());
  accepted.set(config, keys);
}

function nameOf({ claimType, sandbox, keyHash, tokenKeyId }: OfferedIssuerKey): string {
  return JSON.stringify([claimType, sandbox, keyHash, tokenKeyId]);
}

/** `undefined` when the books can't be reached; they are asked twice. */
async function ask(config: ManagedConfig, { claimType, sandbox, keyHash, tokenKeyId }: OfferedIssuerKey): Promise<Verdict | undefined> {
  // What is bought for a relay is of the API key's environment.
  const key = { claimType: claimType ?? null, sandbox: sandbox ?? isSandboxKey(config.apiKey), keyHash, tokenKeyId };
  const judge = async () => openIssuerKeys(config).judge(key);
  return judge().catch(judge).catch(() => undefined);
}
