const { Persona } = require('@persona/sdk-node');

const persona = new Persona({ apiKey: process.env.PERSONA_API_KEY });
const claimType = 'age_over18_united_kingdom';

exports.start = () => persona.relays.create({ claimType, encryptionKeyPem: null });

exports.finish = async ({ relayToken, relaySecret }) => {
  const { privacyPassToken } = await persona.relays.issuePrivacyPass({ relayToken, relaySecret });
  const { claimPayload } = await persona.relays.generateClaim({ relayToken, relaySecret, privacyPassToken });
  return { over18: JSON.parse(claimPayload).claim_result === 'passed' };
};
