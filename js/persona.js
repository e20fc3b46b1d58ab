// The SDK contract over the functions of the wasm module. Runtime-neutral: an entry has instantiated the module before.
import { PersonaError } from "./errors.js";
import { call, callAsync, onTrap } from "./guard.js";
import * as relay from "./relay_edge.js";

export { decryptClaim, generateEncryptionKeyPair } from "./rsa_oaep.js";
export { PersonaError };

onTrap(relay.__wbg_reset_state);

export class Persona {
  constructor(options = {}) {
    const config = readOptions(options);
    call(() => relay.checkOptions(config));
    const { fetch } = config;
    if (fetch !== undefined && typeof fetch !== "function") throw new TypeError("fetch must be a function");
    // The options, which hold the API key, are kept out of sight of a logger that prints the client.
    const method = (work) => (params, durable) => callAsync(() => work(config, fetch, params, durable));
    // Not frozen: tests put stubs here, and subclasses have members of their own.
    this.relays = {
      create: method(relay.createRelay),
      issuePrivacyPass: method(relay.issuePrivacyPass),
      issuerKey: method(relay.issuerKey),
      generateClaim: method(relay.generateClaim),
    };
  }
}

export default Persona;

export const describePurchase = (text) => call(() => relay.describePurchase(text));
export const describeRedemption = (text) => call(() => relay.describeRedemption(text));
export const parseClaim = (claimPayload) => call(() => relay.parseClaim(claimPayload));
export const hostedFlowUrl = (relaySessionAccessToken, options) => call(() => relay.hostedFlowUrl(relaySessionAccessToken, options));
export const blindPrivacyPass = (challenge) => call(() => relay.blindPrivacyPass(challenge));
export const finalizePrivacyPass = (input) => call(() => relay.finalizePrivacyPass(input));

/**
 * The options, each read once: what is checked is what is used. Inherited ones, getters and those that are not enumerable are taken
 * like any other; what is no option is left out. What is no object is answered as it is, for the check to refuse.
 */
export function readOptions(options) {
  if (typeof options !== "object" || options === null) return options;
  const { apiKey, baseUrl, timeoutMs, maxRetries, deadlineMs, personaVersion, fetch, acceptIssuerKey, permissiveIssuerKeys } = options;
  return { apiKey, baseUrl, timeoutMs, maxRetries, deadlineMs, personaVersion, fetch, acceptIssuerKey, permissiveIssuerKeys };
}
