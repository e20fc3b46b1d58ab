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
      if (config.mode !== "managed") return;
      const verdict = await ask(config, key);
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

/** `undefined` when the books can't be reached; they are asked twice. */
async function ask(config: ManagedConfig, { claimType, sandbox, keyHash, tokenKeyId }: OfferedIssuerKey): Promise<Verdict | undefined> {
  // What is bought for a relay is of the API key's environment.
  const key = { claimType: claimType ?? null, sandbox: sandbox ?? isSandboxKey(config.apiKey), keyHash, tokenKeyId };
  const judge = async () => openIssuerKeys(config).judge(key);
  return judge().catch(judge).catch(() => undefined);
}
