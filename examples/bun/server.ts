// One age check over HTTP: Bun, with its books in SQLite.
import { Database } from "bun:sqlite";
import { hostedFlowUrl, parseClaim, Persona, type PersonaError, RelayLedger } from "relay-edge";
import { aesGcmSealer, SqliteStore } from "relay-edge/stores";

const { PERSONA_API_KEY: apiKey, PERSONA_BASE_URL: baseUrl, STORE_KEY, DATABASE = "relays.db", PORT = "3000" } = process.env;
const seal = aesGcmSealer([{ id: "1", key: Buffer.from(STORE_KEY ?? "", "base64") }]); // openssl rand -base64 32
const store = new SqliteStore(new Database(DATABASE), { seal });
const persona = new Persona({ baseUrl });
const ledger = new RelayLedger({ apiKey, baseUrl, store });
const question = { claimType: "age_over18_germany", sandbox: apiKey?.startsWith("persona_sandbox_") };
const secretOf = (relayToken: string) => store.record(`secret:${relayToken}`, { ttlSeconds: 90 * 24 * 3600 });

Bun.serve({
  port: Number(PORT), development: false, // errors are for the log only
  routes: {
    // Whoever gets here can make you buy a pass: let in your own users only.
    "/verifications": { POST: async () => {
      const { relayToken, relaySecret, relaySessionAccessToken } = await persona.relays.create(question);
      await secretOf(relayToken).write(relaySecret, undefined);
      return Response.json({ id: relayToken, url: hostedFlowUrl(relaySessionAccessToken) }, { status: 201 });
    } },
    "/verifications/:id": { GET: async (request) => {
      const relayToken = request.params.id;
      const relaySecret = (await secretOf(relayToken).read())?.text;
      if (relaySecret === undefined) return Response.json({ error: "not found" }, { status: 404 });
      // Whatever fails from here on: asking again goes on from what is in the store. One pass is bought, and one is spent.
      await ledger.issuePrivacyPass({ relayToken, relaySecret, ...question });
      const claim = await ledger.generateClaim({ relayToken, relaySecret }).catch(notYet);
      return Response.json({ state: claim ? "done" : "pending", passed: claim && parseClaim(claim.claimPayload).passed });
    } },
  },
});
const notYet = (error: PersonaError) => (error.statusCode === 403 ? undefined : Promise.reject(error));
// What was in doubt when a process ended, the next one settles, whether or not somebody asks.
async function settle() {
  for (const { name, error } of (await ledger.reconcile()).failures) console.error(name, error.code);
  await store.deleteExpired();
}
setInterval(() => settle().catch(console.error), 60_000);
