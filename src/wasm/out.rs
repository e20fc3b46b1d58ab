//! Results on their way to JavaScript: plain data, spelled in camel case.

use serde::Serialize;
use wasm_bindgen::JsValue;

use super::client::WhichPass;
use super::error::{Failure, Thrown};
use crate::challenge::Offer;
use crate::error::Error;

pub(super) fn to_js(value: &impl Serialize) -> Result<JsValue, Thrown> {
    Ok(to_js_or_fail(value)?)
}

pub(super) fn to_js_or_fail(value: &impl Serialize) -> Result<JsValue, Failure> {
    let converted = serde_wasm_bindgen::to_value(value);
    converted.map_err(|_| Error::Internal("turning a result into JavaScript failed").into())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RelayOut<'a> {
    pub(super) relay_token: &'a str,
    pub(super) relay_secret: &'a str,
    pub(super) relay_session_access_token: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PassOut<'a> {
    pub(super) privacy_pass_token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replayed: Option<bool>,
}

/// What `acceptIssuerKey` is asked, and `issuerKey` answers.
pub(super) fn issuer_key_to_js(which: &WhichPass, offer: &Offer) -> Result<JsValue, Failure> {
    let (claim_type, sandbox) = match which {
        WhichPass::ClaimType { claim_type, sandbox } => (Some(claim_type.as_str()), Some(*sandbox)),
        WhichPass::Relay { .. } => (None, None),
    };
    let token_key_id_kind = offer.key_id_kind().as_str();
    let key_hash = &offer.key_hash.to_hex();
    to_js_or_fail(&IssuerKeyOut { claim_type, sandbox, key_hash, token_key_id: &offer.key_id, token_key_id_kind })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IssuerKeyOut<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<bool>,
    key_hash: &'a str,
    token_key_id: &'a str,
    token_key_id_kind: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimPayloadOut<'a> {
    pub(super) claim_payload: &'a str,
    pub(super) token_consumed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) replayed: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClaimOut<'a> {
    pub(super) claim_type: &'a str,
    pub(super) passed: bool,
    pub(super) claim_result: &'a str,
    pub(super) methodology: Vec<MethodOut<'a>>,
}

#[derive(Serialize)]
pub(super) struct MethodOut<'a> {
    pub(super) method: &'a str,
    pub(super) result: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct KeyPairOut<'a> {
    pub(super) encryption_key_pem: &'a str,
    pub(super) private_key_pem: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BlindedOut<'a> {
    pub(super) blinded_token: &'a str,
    pub(super) key_id: &'a str,
    pub(super) pending_pass: &'a str,
}
