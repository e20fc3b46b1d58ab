// What has to be remembered of one relay, in a Durable Object of its own. Whatever fails, asking again goes on from here.
import { DurableObject } from "cloudflare:workers";
import { parseClaim, Persona, type PersonaError, type RecordStore } from "relay-edge";

export interface Env { PERSONA_API_KEY: string; PERSONA_BASE_URL?: string; VERIFICATIONS: DurableObjectNamespace<Verification> }
export const relaysOf = (env: Env) => new Persona({ apiKey: env.PERSONA_API_KEY, baseUrl: env.PERSONA_BASE_URL }).relays;
export const questionOf = (env: Env) => ({ claimType: "age_over18_germany", sandbox: env.PERSONA_API_KEY.startsWith("persona_sandbox_") });
const notYet = (error: PersonaError) => (error.statusCode === 403 ? undefined : Promise.reject(error));

export class Verification extends DurableObject<Env> {
  async keep(relaySecret: string) {
    this.ctx.storage.kv.put("secret", relaySecret);
    await this.ctx.storage.setAlarm(Date.now() + 90 * 24 * 3600 * 1000); // passes live no longer
  }
  override alarm() {
    return this.ctx.storage.deleteAll();
  }

  async result(relayToken: string) {
    const relaySecret = this.ctx.storage.kv.get<string>("secret");
    if (relaySecret === undefined) return undefined;
    const { issuePrivacyPass, generateClaim } = relaysOf(this.env);
    const { privacyPassToken } = await issuePrivacyPass(questionOf(this.env), { record: this.record("purchase") });
    const claim = await generateClaim({ relayToken, relaySecret, privacyPassToken }, { record: this.record("redemption") }).catch(notYet);
    return { state: claim ? "done" : "pending", passed: claim && parseClaim(claim.claimPayload).passed };
  }

  private record(name: string): RecordStore {
    const { storage } = this.ctx;
    const read = () => storage.kv.get<{ text: string; version: number }>(name);
    const write = async (text: string, version: unknown) => {
      if (read()?.version !== version) return undefined;
      const next = (read()?.version ?? 0) + 1;
      storage.kv.put(name, { text, version: next });
      await storage.sync(); // nothing leaves before it is durable
      return next;
    };
    return { read, write };
  }
}
