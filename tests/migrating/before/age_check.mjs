import Persona from '@persona/sdk-node';

const persona = new Persona({ apiKey: process.env.PERSONA_API_KEY });
const claimType = 'age_over18_united_kingdom';

export function start() {
  return persona.relays.create({ claimType, encryptionKeyPem: null });
}

export async function finish({ relayToken, relaySecret }) {
  try {
    const { privacyPassToken } = await persona.relays.issuePrivacyPass({ claimType });
    const { claimPayload } = await persona.relays.generateClaim({ relayToken, relaySecret, privacyPassToken });
    return { over18: JSON.parse(claimPayload).claim_result === 'passed' };
  } catch (error) {
    if (error.statusCode === 403) return { wait: 5 };
    console.error(error.statusCode, error.title, error.details);
    throw error;
  }
}
