//! Results on their way to JavaScript: plain data, spelled in camel case.

use js_sys::{Object, Reflect};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_wasm_bindgen::Serializer as ToJavaScript;
use wasm_bindgen::JsValue;

use super::client::WhichPass;
use super::error::Failure;
use crate::challenge::Offer;
use crate::error::Error;
use crate::purchase::Description;

/// A value of a result. One type for all of them, so that what turns it into JavaScript is compiled once.
pub(super) enum Out<'a> {
    /// A member that is left out.
    Nothing,
    Flag(bool),
    Number(f64),
    Text(&'a str),
    List(Vec<Out<'a>>),
    Object(&'a [(&'a str, Out<'a>)]),
}

impl Serialize for Out<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nothing => serializer.serialize_unit(),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => serializer.collect_seq(list),
            Self::Object(members) => {
                let mut object = serializer.serialize_map(None)?;
                for (name, value) in members.iter().filter(|(_, value)| !matches!(value, Self::Nothing)) {
                    object.serialize_entry(name, value)?;
                }
                object.end()
            }
        }
    }
}

impl<'a, T: Into<Out<'a>>> From<Option<T>> for Out<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Nothing, Into::into)
    }
}

impl<'a> From<&'a str> for Out<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Out<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// A result as a plain object.
pub(super) fn to_js(members: &[(&str, Out<'_>)]) -> Result<JsValue, Failure> {
    let converted = Out::Object(members).serialize(&ToJavaScript::new().serialize_maps_as_objects(true));
    converted.map_err(|_| Error::Internal("turning a result into JavaScript failed").into())
}

/// Sets a member of a fresh plain object, which takes every one.
pub(super) fn set(object: &Object, name: &str, value: &JsValue) {
    let _ = Reflect::set(object, &name.into(), value);
}

/// What `acceptIssuerKey` is asked, and `issuerKey` answers.
pub(super) fn issuer_key_to_js(which: &WhichPass, offer: &Offer) -> Result<JsValue, Failure> {
    let (claim_type, sandbox) = match which {
        WhichPass::ClaimType { claim_type, sandbox } => (Some(claim_type.as_str()), Some(*sandbox)),
        WhichPass::Relay { .. } => (None, None),
    };
    to_js(&[
        ("claimType", claim_type.into()),
        ("sandbox", sandbox.into()),
        ("keyHash", offer.key_hash.to_hex().as_str().into()),
        ("tokenKeyId", offer.key_id.as_str().into()),
        ("tokenKeyIdKind", offer.key_id_kind().as_str().into()),
    ])
}

/// `RecordDescription` of js/index.d.ts.
pub(super) fn description_to_js(description: &Description) -> Result<JsValue, Failure> {
    let refusal = description.refusal.as_ref().map(|refusal| {
        [
            ("status", Out::Number(refusal.status.into())),
            ("title", refusal.title.as_deref().into()),
            ("details", refusal.details.as_deref().into()),
            ("code", refusal.code.as_deref().into()),
            ("requestId", refusal.request_id.as_deref().into()),
        ]
    });
    to_js(&[
        ("state", description.state.into()),
        ("attempt", Out::Number(description.attempt.into())),
        ("since", description.since.map_or(Out::Nothing, |since| Out::Number(since as f64))),
        ("inDoubt", description.in_doubt.into()),
        ("unsettled", description.unsettled.into()),
        ("refusal", refusal.as_ref().map_or(Out::Nothing, |refusal| Out::Object(refusal))),
    ])
}
