/**
 * Who is compared. A contender is
 *
 *   prepare(fixture) -> key                      done once per key
 *   blind(key) -> prepared                       `blindedOf(prepared)`: what the issuer gets to sign, base64url
 *   signed(text) -> signature                    the answer, as `finalize` takes it
 *   finalize(key, prepared, signature) -> done   `shown(done)`: what OpenSSL verifies
 *   client(options) -> { issuePrivacyPass, generateClaim }
 *   module                                       its compiled wasm, if it has one
 *
 * `blind` and `finalize` answer values or promises.
 */
import { base64url, fromBase64url } from './bytes.mjs';
import { plainClient } from './client.mjs';
import { bigint, blindrsaTs, inWasm } from './suites.mjs';

/**
 * Our package. Its functions do more than the others': a challenge is read and checked, a nonce drawn, the token input hashed,
 * a pass assembled.
 *
 * @param {any} pkg an entry of `pkg/` @param {WebAssembly.Module} module
 */
export function relayEdge(pkg, module) {
  return {
    prepare: ({ offer }) => offer,
    blind: (offer) => pkg.blindPrivacyPass(offer),
    blindedOf: ({ blindedToken }) => blindedToken,
    signed: (text) => text,
    finalize: (_, { pendingPass }, blindSig) => pkg.finalizePrivacyPass({ pendingPass, blindSig }),
    shown: ({ privacyPassToken }) => ({ pass: privacyPassToken }),
    client: ({ baseUrl, fetch, apiKey }) => new pkg.Persona({ baseUrl, fetch, apiKey, maxRetries: 0 }).relays,
    module,
  };
}

/** A suite of suites.mjs, over a token input that is ready. @param {any} suite @param {WebAssembly.Module} [module] */
export function ofSuite(suite, module) {
  return {
    async prepare({ spki, message }) {
      return { key: await suite.importKey(fromBase64url(spki)), message: fromBase64url(message) };
    },
    blind: ({ key, message }) => suite.blind(key, message),
    blindedOf: ({ blinded }) => base64url(blinded),
    signed: fromBase64url,
    finalize: ({ key, message }, { inverse }, signature) => suite.finalize(key, message, signature, inverse),
    shown: (signature) => ({ signature: base64url(signature) }),
    client({ baseUrl, fetch, apiKey }) {
      const client = plainClient({ suite, baseUrl, fetch });
      return { ...client, issuePrivacyPass: (params) => client.issuePrivacyPass({ ...params, apiKey }) };
    },
    module,
  };
}

/** By the id that results go by. Each takes what the runtime has loaded. */
export const CONTENDERS = {
  'relay-edge': ({ pkg, pkgModule }) => relayEdge(pkg, pkgModule),
  'blindrsa-ts': ({ blindrsa }) => ofSuite(blindrsaTs(blindrsa)),
  bigint: () => ofSuite(bigint),
  'untuned-wasm': ({ untuned, untunedModule }) => ofSuite(inWasm(untuned), untunedModule),
};
