/* @ts-self-types="./index.d.ts" */
// Everything that index.d.ts describes, and nothing else. An entry has instantiated the module before.
export {
  Persona, PersonaError, blindPrivacyPass, decryptClaim, default, describePurchase, describeRedemption, finalizePrivacyPass,
  generateEncryptionKeyPair, hostedFlowUrl, parseClaim,
} from "./persona.js";
export { RelayLedger } from "./ledger.js";
