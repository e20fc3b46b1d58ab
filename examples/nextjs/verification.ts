// Edge functions have no disk, so what must be remembered travels sealed, as the id: to the browser it says nothing.
// A function that dies while it buys loses that pass. Where this matters, use a RelayLedger over a database.
import { hostedFlowUrl, parseClaim, Persona, PersonaError } from "relay-edge";
import { aesGcmSealer } from "relay-edge/stores";

const persona = () => new Persona({ apiKey: env("PERSONA_API_KEY"), baseUrl: process.env.PERSONA_BASE_URL });

export async function start() {
  const question = { claimType: "age_over18_germany", sandbox: env("PERSONA_API_KEY").startsWith("persona_sandbox_") };
  const { relayToken, relaySecret, relaySessionAccessToken } = await persona().relays.create(question);
  const { privacyPassToken } = await persona().relays.issuePrivacyPass(question); // costs money: let only your users get here
  const id = await sealer().seal("verification", JSON.stringify({ relayToken, relaySecret, privacyPassToken }));
  return { id, url: hostedFlowUrl(relaySessionAccessToken) };
}

export async function result(id: string) {
  const opened = await sealer().open("verification", id).catch(() => undefined);
  if (opened === undefined) return undefined;
  try {
    // For 24 hours the same relay with the same pass is answered the same claim, and nothing is spent again.
    const { claimPayload } = await persona().relays.generateClaim(JSON.parse(opened));
    return { state: "done", passed: parseClaim(claimPayload).passed };
  } catch (error) {
    if (error instanceof PersonaError && error.statusCode === 403) return { state: "pending" };
    throw error;
  }
}

/** Asked for when there is a request: `next build` has no secrets. */
function env(name: string) {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
}

function sealer() {
  const key = Uint8Array.from(atob(env("STORE_KEY")), (char) => char.charCodeAt(0));
  return aesGcmSealer([{ id: "1", key }]);
}
