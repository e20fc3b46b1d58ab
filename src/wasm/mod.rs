//! The functions that JavaScript calls, and the only I/O: the runtime's `fetch`, its clock and its WebCrypto.
//!
//! Plain functions rather than exported classes: a class instance would hold a pointer that outlives a reset of the wasm
//! instance (js/guard.js). The hand-written entries in `js/` put the classes around them.

#![allow(
    unreachable_pub,
    reason = "wasm_bindgen exports public functions only, from a module that Rust does not export"
)]

mod client;
mod create;
mod crypto;
mod drive;
mod error;
mod fetch;
mod line;
mod out;
mod params;
mod purchase;
mod redemption;
mod run;
mod store;
#[cfg(test)]
mod tests;

use js_sys::{Array, Function, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use zeroize::Zeroizing;

use self::purchase::Buying;
use self::redemption::Redeeming;
use crate::claim::{Claim, ClaimError};
use crate::encryption_key::{private_key_pkcs8, EncryptionKey};
use crate::error::Error;
use crate::pass::PendingPass;
use crate::purchase::Purchase;
use crate::redemption::Redemption;
use crate::secret::{PrivacyPassToken, SecretBytes};
use crate::{api, challenge, encoding, hosted_flow, www_authenticate};
use client::{Client, WhichPass};
use create::Creating;
use drive::Why;
use error::Thrown;
use out::{description_to_js, set, to_js, Out};
use params::Params;
use run::start;
use store::Store;

/// Checks the options of `new Persona(options)`; throws a `TypeError` that names the wrong one.
#[wasm_bindgen(js_name = checkOptions)]
pub fn check_options(options: JsValue) -> Result<(), Thrown> {
    Client::new(&options, None).map(drop)
}

/// `persona.relays.create(params)`
#[wasm_bindgen(js_name = createRelay)]
pub fn create_relay(options: JsValue, fetch: Option<Function>, params: JsValue) -> Promise {
    start(|| {
        let client = Client::new(&options, fetch)?;
        let params = Params::new(&params)?;
        let (claim_type, sandbox) = params.claim_type(&client)?;
        let key = params.optional_text("encryption-key-pem")?.map(EncryptionKey::parse).transpose()?;
        Ok(Box::new(Creating::new(client, api::create(&claim_type, key.as_ref(), sandbox))))
    })
}

/// `persona.relays.issuePrivacyPass(params, durable)`
#[wasm_bindgen(js_name = issuePrivacyPass)]
pub fn issue_privacy_pass(options: JsValue, fetch: Option<Function>, params: JsValue, durable: JsValue) -> Promise {
    start(|| {
        let client = Client::new(&options, fetch)?;
        let params = Params::new(&params)?;
        let which = if params.has("claim-type") {
            let (claim_type, sandbox) = params.claim_type(&client)?;
            WhichPass::ClaimType { claim_type, sandbox }
        } else if params.has("relay-token") {
            let (relay_token, relay_secret) = params.relay()?;
            WhichPass::Relay { relay_token, relay_secret }
        } else {
            return Err(params::wrong("claim-type", "is missing: give it, or relayToken with relaySecret"));
        };
        let durable = Params::optional(&durable)?;
        let store = durable.record()?;
        let seed = durable.optional_text("idempotency-secret")?.map(|text| SecretBytes::new(text.into_bytes()));
        let why = if durable.flag("allowed-again")? { Why::AllowedAgain } else { durable.why()? };
        Ok(Box::new(Buying::new(client, store, which, seed, Some(why))))
    })
}

/// `persona.relays.issuerKey(params)`
#[wasm_bindgen(js_name = issuerKey)]
pub fn issuer_key(options: JsValue, fetch: Option<Function>, params: JsValue) -> Promise {
    start(|| {
        let client = Client::new(&options, fetch)?;
        let params = Params::new(&params)?;
        let (claim_type, sandbox) = params.claim_type(&client)?;
        let which = WhichPass::ClaimType { claim_type, sandbox };
        Ok(Box::new(Buying::new(client, Store::OneCall, which, None, None)))
    })
}

/// `persona.relays.generateClaim(params, durable)`
#[wasm_bindgen(js_name = generateClaim)]
pub fn generate_claim(options: JsValue, fetch: Option<Function>, params: JsValue, durable: JsValue) -> Promise {
    start(|| {
        let client = Client::new(&options, fetch)?;
        let params = Params::new(&params)?;
        let (token, secret) = params.relay()?;
        let durable = Params::optional(&durable)?;
        let (store, why) = (durable.record()?, durable.why()?);
        // A record may hold the pass already.
        let pass = match store {
            Store::OneCall => Some(params.text("privacy-pass-token")?),
            Store::Kept(_) => params.optional_text("privacy-pass-token")?,
        };
        let pass = pass.map(PrivacyPassToken::parse).transpose()?;
        Ok(Box::new(Redeeming::new(client, store, token, secret, pass, why)))
    })
}

/// `describePurchase(text)`
#[wasm_bindgen(js_name = describePurchase)]
pub fn describe_purchase(text: JsValue) -> Result<JsValue, Thrown> {
    let record = Purchase::from_text(&params::text(&text, "text")?).ok_or(Error::RecordInvalid)?;
    Ok(description_to_js(&record.describe())?)
}

/// `describeRedemption(text)`
#[wasm_bindgen(js_name = describeRedemption)]
pub fn describe_redemption(text: JsValue) -> Result<JsValue, Thrown> {
    let record = Redemption::from_text(&params::text(&text, "text")?).ok_or(Error::RecordInvalid)?;
    Ok(description_to_js(&record.describe())?)
}

/// `parseClaim(claimPayload)`
#[wasm_bindgen(js_name = parseClaim)]
pub fn parse_claim(claim_payload: JsValue) -> Result<JsValue, Thrown> {
    let claim = Claim::parse(&params::text(&claim_payload, "claim-payload")?).map_err(Error::from)?;
    let steps =
        claim.methodology.iter().map(|step| [("method", (&*step.method).into()), ("result", (&*step.result).into())]);
    let steps: Vec<_> = steps.collect();
    let claim_result = if claim.passed { "passed" } else { "failed" };
    Ok(to_js(&[
        ("claimType", claim.claim_type.as_str().into()),
        ("passed", claim.passed.into()),
        ("claimResult", claim_result.into()),
        ("methodology", Out::List(steps.iter().map(|step| Out::Object(step)).collect())),
    ])?)
}

/// What `decryptClaim(claimPayload, privateKeyPem)` gives WebCrypto (js/rsa_oaep.js): `ciphertext`, and the key as `pkcs8`.
#[wasm_bindgen(js_name = claimToDecrypt)]
pub fn claim_to_decrypt(claim_payload: JsValue, private_key_pem: JsValue) -> Result<JsValue, Thrown> {
    let payload = params::text(&claim_payload, "claim-payload")?;
    let payload: String = payload.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    let private_key_pem = params::text(&private_key_pem, "private-key-pem")?;
    if payload.starts_with('{') {
        return Err(Error::Claim(ClaimError::NotEncrypted).into());
    }
    let ciphertext = encoding::from_base64_standard(&payload).map_err(|_| Error::Claim(ClaimError::Malformed))?;
    let pkcs8 = private_key_pkcs8(&private_key_pem)?;
    let found = Object::new();
    set(&found, "ciphertext", &Uint8Array::from(ciphertext.as_slice()));
    set(&found, "pkcs8", &Uint8Array::from(pkcs8.expose()));
    Ok(found.into())
}

/// What came of it: the plaintext's bytes, `undefined` when the key does not open the claim, `null` when it is no such key.
#[wasm_bindgen(js_name = decryptedClaim)]
pub fn decrypted_claim(plaintext: JsValue) -> Result<String, Thrown> {
    if plaintext.is_null() {
        return Err(Error::PrivateKey.into());
    }
    let bytes = plaintext.dyn_ref::<Uint8Array>().ok_or(Error::ClaimDecryption)?.to_vec();
    Ok(String::from_utf8(bytes).map_err(|_| Error::Claim(ClaimError::Malformed))?)
}

/// The `modulusLength` of the options of `generateEncryptionKeyPair(options)`, in bits.
#[wasm_bindgen(js_name = modulusLength)]
pub fn modulus_length(options: JsValue) -> Result<u32, Thrown> {
    let params = Params::optional(&options)?;
    let problem = "must be a multiple of 8 from 2048 to 4096, in bits";
    let bits = params.whole_number("modulus-length", 2048..=4096, problem)?.unwrap_or(2048);
    if bits % 8 == 0 {
        Ok(bits)
    } else {
        Err(params::wrong("modulus-length", problem))
    }
}

/// What it answers, of what WebCrypto made: DER, SubjectPublicKeyInfo and PKCS#8; `undefined` when it made nothing.
#[wasm_bindgen(js_name = keyPairPem)]
pub fn key_pair_pem(public: JsValue, private: JsValue) -> Result<JsValue, Thrown> {
    let bytes = |der: &JsValue| der.dyn_ref::<Uint8Array>().map(|der| SecretBytes::new(der.to_vec()));
    let (Some(public), Some(private)) = (bytes(&public), bytes(&private)) else {
        return Err(Error::Internal("this runtime's WebCrypto can't make an RSA key pair").into());
    };
    let private = Zeroizing::new(encoding::pem("PRIVATE KEY", private.expose()));
    let public = encoding::pem("PUBLIC KEY", public.expose());
    Ok(to_js(&[("encryptionKeyPem", public.as_str().into()), ("privateKeyPem", private.as_str().into())])?)
}

/// `hostedFlowUrl(relaySessionAccessToken, options)`
#[wasm_bindgen(js_name = hostedFlowUrl)]
pub fn hosted_flow_url(access_token: JsValue, options: JsValue) -> Result<String, Thrown> {
    let theme = Params::optional(&options)?.optional_text("theme")?;
    Ok(hosted_flow::url(&params::text(&access_token, "relay-session-access-token")?, theme.as_deref())?)
}

/// `blindPrivacyPass(challenge)`
#[wasm_bindgen(js_name = blindPrivacyPass)]
pub fn blind_privacy_pass(challenge: JsValue) -> Result<JsValue, Thrown> {
    let params = Params::new(&challenge)?;
    let now = fetch::unix_seconds();
    let headers = params.get("www-authenticate");
    let offer = if headers.is_undefined() {
        let key_id = params.text("token-key-id")?;
        challenge::Offer::new(&params.text("challenge")?, &params.text("token-key")?, key_id, now)?
    } else if Array::is_array(&headers) {
        let texts: Result<Vec<_>, Thrown> =
            Array::from(&headers).iter().map(|header| params::text(&header, "www-authenticate")).collect();
        www_authenticate::offer(&texts?, now)?
    } else {
        www_authenticate::offer(&[params::text(&headers, "www-authenticate")?], now)?
    };
    let pending = PendingPass::blind(offer, &mut crypto::rng())?;
    Ok(to_js(&[
        ("blindedToken", pending.blinded_token().to_base64url().as_str().into()),
        ("keyId", pending.key_id().into()),
        ("pendingPass", pending.to_text().as_str().into()),
    ])?)
}

/// `finalizePrivacyPass({ pendingPass, blindSig })`
#[wasm_bindgen(js_name = finalizePrivacyPass)]
pub fn finalize_privacy_pass(input: JsValue) -> Result<JsValue, Thrown> {
    let params = Params::new(&input)?;
    let pending = PendingPass::from_text(&params.text("pending-pass")?)?;
    let problem = "must be the base64url text that /api/v1/privacy-passes answered";
    let blind_signature =
        encoding::from_base64url(&params.text("blind-sig")?).map_err(|_| params::wrong("blind-sig", problem))?;
    let pass = pending.finalize(&blind_signature)?;
    Ok(to_js(&[("privacyPassToken", pass.expose().into())])?)
}
