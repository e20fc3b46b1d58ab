//! The functions that JavaScript calls, and the only I/O: the runtime's `fetch`, its clock and its WebCrypto.
//!
//! Plain functions rather than exported classes: a class instance would hold a pointer that outlives a reset of the wasm
//! instance (js/guard.js). The hand-written entries in `js/` put the classes around them.

#![allow(
    unreachable_pub,
    reason = "wasm_bindgen exports public functions only, from a module that Rust does not export"
)]

mod client;
mod crypto;
mod drive;
mod error;
mod fetch;
mod out;
mod params;
mod store;
#[cfg(test)]
mod tests;

use js_sys::{Array, Function};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::JsValue;

use crate::api::GeneratedClaim;
use crate::claim::Claim;
use crate::encryption_key::EncryptionKey;
use crate::error::Error;
use crate::identifiers::{ClaimType, RelayToken};
use crate::pass::PendingPass;
use crate::purchase::Purchase;
use crate::redemption::Redemption;
use crate::secret::{PrivacyPassToken, RelaySecret, SecretBytes};
use crate::{challenge, encoding, hosted_flow, www_authenticate};
use client::{Client, WhichPass};
use drive::Why;
use error::Thrown;
use out::{issuer_key_to_js, to_js, BlindedOut, ClaimOut, ClaimPayloadOut, KeyPairOut, MethodOut, PassOut, RelayOut};
use params::Params;
use store::Store;

/// Checks the options of `new Persona(options)`; throws a `TypeError` that names the wrong one.
#[wasm_bindgen(js_name = checkOptions)]
pub fn check_options(options: JsValue) -> Result<(), Thrown> {
    Client::new(&options, None).map(drop).map_err(Thrown::misuse)
}

/// `persona.relays.create(params)`
#[wasm_bindgen(js_name = createRelay)]
pub async fn create_relay(options: JsValue, fetch: Option<Function>, params: JsValue) -> Result<JsValue, Thrown> {
    let client = Client::new(&options, fetch).map_err(Thrown::misuse)?;
    let params = Params::new(&params)?;
    let claim_type = ClaimType::parse(params.text("claim-type")?)?;
    let key = params.optional_text("encryption-key-pem")?.map(EncryptionKey::parse).transpose()?;
    let relay = client.create(&claim_type, key.as_ref(), params.flag_or("sandbox", client.sandbox_key())?).await?;
    to_js(&RelayOut {
        relay_token: relay.relay_token.as_str(),
        relay_secret: relay.relay_secret.expose(),
        relay_session_access_token: &relay.relay_session_access_token,
    })
}

/// `persona.relays.issuePrivacyPass(params, durable)`
#[wasm_bindgen(js_name = issuePrivacyPass)]
pub async fn issue_privacy_pass(
    options: JsValue,
    fetch: Option<Function>,
    params: JsValue,
    durable: JsValue,
) -> Result<JsValue, Thrown> {
    let client = Client::new(&options, fetch).map_err(Thrown::misuse)?;
    let params = Params::new(&params)?;
    let which = if let Some(claim_type) = params.optional_text("claim-type")? {
        WhichPass::ClaimType {
            claim_type: ClaimType::parse(claim_type)?,
            sandbox: params.flag_or("sandbox", client.sandbox_key())?,
        }
    } else if let Some(relay_token) = params.optional_text("relay-token")? {
        WhichPass::Relay {
            relay_token: RelayToken::parse(relay_token)?,
            relay_secret: RelaySecret::parse(params.text("relay-secret")?)?,
        }
    } else {
        let problem = "is missing: give it, or relayToken with relaySecret";
        return Err(Error::Parameter { field: "claim-type", problem }.into());
    };
    let durable = Params::optional(&durable)?;
    let store = durable.record()?;
    let seed = durable.optional_text("idempotency-secret")?.map(|text| SecretBytes::new(text.into_bytes()));
    let why = if durable.flag("allowed-again")? { Why::AllowedAgain } else { durable.why()? };
    let pass = drive::purchase(&client, &store, &which, &seed, why).await?;
    to_js(&PassOut { privacy_pass_token: pass.value.expose(), replayed: store.kept().then_some(pass.replayed) })
}

/// `persona.relays.issuerKey(params)`
#[wasm_bindgen(js_name = issuerKey)]
pub async fn issuer_key(options: JsValue, fetch: Option<Function>, params: JsValue) -> Result<JsValue, Thrown> {
    let client = Client::new(&options, fetch).map_err(Thrown::misuse)?;
    let params = Params::new(&params)?;
    let which = WhichPass::ClaimType {
        claim_type: ClaimType::parse(params.text("claim-type")?)?,
        sandbox: params.flag_or("sandbox", client.sandbox_key())?,
    };
    let offer = client.challenge(fetch::unix_milliseconds(), &which).await?;
    Ok(issuer_key_to_js(&which, &offer)?)
}

/// `persona.relays.generateClaim(params, durable)`
#[wasm_bindgen(js_name = generateClaim)]
pub async fn generate_claim(
    options: JsValue,
    fetch: Option<Function>,
    params: JsValue,
    durable: JsValue,
) -> Result<JsValue, Thrown> {
    let client = Client::new(&options, fetch).map_err(Thrown::misuse)?;
    let params = Params::new(&params)?;
    let token = RelayToken::parse(params.text("relay-token")?)?;
    let secret = RelaySecret::parse(params.text("relay-secret")?)?;
    let durable = Params::optional(&durable)?;
    let (store, why) = (durable.record()?, durable.why()?);
    // A record may hold the pass already.
    let pass = match store {
        Store::OneCall => Some(params.text("privacy-pass-token")?),
        Store::Kept(_) => params.optional_text("privacy-pass-token")?,
    };
    let pass = pass.map(PrivacyPassToken::parse).transpose()?;
    let claim = drive::redemption(&client, &store, &token, &secret, pass.as_ref(), why).await?;
    let (GeneratedClaim { claim_payload, token_consumed }, replayed) = (&claim.value, claim.replayed);
    to_js(&ClaimPayloadOut {
        claim_payload,
        token_consumed: *token_consumed,
        replayed: store.kept().then_some(replayed),
    })
}

/// `describePurchase(text)`
#[wasm_bindgen(js_name = describePurchase)]
pub fn describe_purchase(text: JsValue) -> Result<JsValue, Thrown> {
    let record = Purchase::from_text(&params::text(&text, "text")?).ok_or(Error::RecordInvalid)?;
    to_js(&record.describe())
}

/// `describeRedemption(text)`
#[wasm_bindgen(js_name = describeRedemption)]
pub fn describe_redemption(text: JsValue) -> Result<JsValue, Thrown> {
    let record = Redemption::from_text(&params::text(&text, "text")?).ok_or(Error::RecordInvalid)?;
    to_js(&record.describe())
}

/// `parseClaim(claimPayload)`
#[wasm_bindgen(js_name = parseClaim)]
pub fn parse_claim(claim_payload: JsValue) -> Result<JsValue, Thrown> {
    let claim = Claim::parse(&params::text(&claim_payload, "claim-payload")?).map_err(Error::from)?;
    let methodology: Vec<_> =
        claim.methodology.iter().map(|step| MethodOut { method: &step.method, result: &step.result }).collect();
    let claim_result = if claim.passed { "passed" } else { "failed" };
    to_js(&ClaimOut { claim_type: &claim.claim_type, passed: claim.passed, claim_result, methodology })
}

/// `decryptClaim(claimPayload, privateKeyPem)`
#[wasm_bindgen(js_name = decryptClaim)]
pub async fn decrypt_claim(claim_payload: JsValue, private_key_pem: JsValue) -> Result<String, Thrown> {
    let payload = params::text(&claim_payload, "claim-payload")?;
    Ok(crypto::decrypt_claim(&payload, &params::text(&private_key_pem, "private-key-pem")?).await?)
}

/// `generateEncryptionKeyPair(options)`
#[wasm_bindgen(js_name = generateEncryptionKeyPair)]
pub async fn generate_encryption_key_pair(options: JsValue) -> Result<JsValue, Thrown> {
    let params = Params::optional(&options)?;
    let problem = "must be a multiple of 8 from 2048 to 4096, in bits";
    let bits = params.whole_number("modulus-length", 2048..=4096, problem)?.unwrap_or(2048);
    if bits % 8 != 0 {
        return Err(Error::Parameter { field: "modulus-length", problem }.into());
    }
    let (public, private) = crypto::generate_key_pair(bits).await?;
    let private = zeroize::Zeroizing::new(encoding::pem("PRIVATE KEY", private.expose()));
    to_js(&KeyPairOut { encryption_key_pem: &encoding::pem("PUBLIC KEY", &public), private_key_pem: &private })
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
        let texts: Result<Vec<_>, Error> =
            Array::from(&headers).iter().map(|header| params::text(&header, "www-authenticate")).collect();
        www_authenticate::offer(&texts?, now)?
    } else {
        www_authenticate::offer(&[params::text(&headers, "www-authenticate")?], now)?
    };
    let pending = PendingPass::blind(offer, &mut crypto::rng())?;
    to_js(&BlindedOut {
        blinded_token: &pending.blinded_token().to_base64url(),
        key_id: pending.key_id(),
        pending_pass: &pending.to_text(),
    })
}

/// `finalizePrivacyPass({ pendingPass, blindSig })`
#[wasm_bindgen(js_name = finalizePrivacyPass)]
pub fn finalize_privacy_pass(input: JsValue) -> Result<JsValue, Thrown> {
    let params = Params::new(&input)?;
    let pending = PendingPass::from_text(&params.text("pending-pass")?)?;
    let problem = "must be the base64url text that /api/v1/privacy-passes answered";
    let blind_signature = encoding::from_base64url(&params.text("blind-sig")?)
        .map_err(|_| Error::Parameter { field: "blind-sig", problem })?;
    let pass = pending.finalize(&blind_signature)?;
    to_js(&PassOut { privacy_pass_token: pass.expose(), replayed: None })
}
