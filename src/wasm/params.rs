//! Reading JavaScript parameters, each error naming the parameter.

use core::cell::RefCell;
use core::ops::RangeInclusive;
use core::ptr;

use js_sys::{Function, Reflect};
use wasm_bindgen::{JsCast, JsValue};

use super::client::Client;
use super::drive::Why;
use super::error::Thrown;
use super::store::Store;
use crate::error::Error;
use crate::identifiers::{ClaimType, RelayToken};
use crate::secret::RelaySecret;

/// An object with parameters. Names are the wire's, `relay-token`; the object spells them `relayToken`.
pub(super) struct Params<'a>(&'a JsValue);

impl<'a> Params<'a> {
    /// Takes an object.
    pub(super) fn new(value: &'a JsValue) -> Result<Self, Thrown> {
        if value.is_object() && !value.is_function() {
            Ok(Self(value))
        } else {
            Err(Error::NoParameters.into())
        }
    }

    /// Takes an object or `undefined`.
    pub(super) fn optional(value: &'a JsValue) -> Result<Self, Thrown> {
        if value.is_undefined() {
            Ok(Self(value))
        } else {
            Self::new(value)
        }
    }

    /// The value of a parameter, `undefined` when it is not there.
    pub(super) fn get(&self, field: &'static str) -> JsValue {
        if self.0.is_undefined() {
            return JsValue::UNDEFINED;
        }
        Reflect::get(self.0, spelled(field)).unwrap_or(JsValue::UNDEFINED)
    }

    /// A text that has to be there.
    pub(super) fn text(&self, field: &'static str) -> Result<String, Thrown> {
        text(&self.get(field), field)
    }

    /// A text that may be `undefined` or `null`.
    pub(super) fn optional_text(&self, field: &'static str) -> Result<Option<String>, Thrown> {
        let value = self.get(field);
        if value.is_undefined() || value.is_null() {
            return Ok(None);
        }
        text(&value, field).map(Some)
    }

    /// `claimType`, and whether it is of the sandbox: as `sandbox` says, or else as the API key does.
    pub(super) fn claim_type(&self, client: &Client) -> Result<(ClaimType, bool), Thrown> {
        let claim_type = ClaimType::parse(self.text("claim-type")?)?;
        Ok((claim_type, self.flag_or("sandbox", client.sandbox_key())?))
    }

    /// `relayToken` and `relaySecret`.
    pub(super) fn relay(&self) -> Result<(RelayToken, RelaySecret), Thrown> {
        let relay_token = RelayToken::parse(self.text("relay-token")?)?;
        Ok((relay_token, RelaySecret::parse(self.text("relay-secret")?)?))
    }

    /// Whether a parameter is there, and not `null`.
    pub(super) fn has(&self, field: &'static str) -> bool {
        let value = self.get(field);
        !value.is_undefined() && !value.is_null()
    }

    /// A boolean, `false` when it is not there.
    pub(super) fn flag(&self, field: &'static str) -> Result<bool, Thrown> {
        self.flag_or(field, false)
    }

    /// The same, with another value for a member that is not there.
    pub(super) fn flag_or(&self, field: &'static str, default: bool) -> Result<bool, Thrown> {
        let value = self.get(field);
        if value.is_undefined() {
            return Ok(default);
        }
        value.as_bool().ok_or_else(|| wrong(field, "must be true or false"))
    }

    /// A function, `None` when it is not there.
    pub(super) fn function(&self, field: &'static str) -> Result<Option<Function>, Thrown> {
        let value = self.get(field);
        if value.is_undefined() {
            return Ok(None);
        }
        value.dyn_into().map(Some).map_err(|_| wrong(field, "must be a function"))
    }

    /// The `record` of a durable call. A call that is not durable has none of these parameters.
    pub(super) fn record(&self) -> Result<Store, Thrown> {
        if self.0.is_undefined() {
            return Ok(Store::OneCall);
        }
        let record = self.get("record");
        let methods = Params(&record);
        if !["read", "write"].into_iter().all(|method| methods.get(method).is_function()) {
            return Err(wrong("record", "must be an object with `read` and `write`"));
        }
        Ok(Store::Kept(record.unchecked_into()))
    }

    /// The `byItself` of a durable call.
    pub(super) fn why(&self) -> Result<Why, Thrown> {
        Ok(if self.flag("by-itself")? { Why::ByItself } else { Why::Called })
    }

    /// A whole number within a range, `None` when it is not there.
    pub(super) fn whole_number(
        &self,
        field: &'static str,
        range: RangeInclusive<u32>,
        problem: &'static str,
    ) -> Result<Option<u32>, Thrown> {
        let value = self.get(field);
        if value.is_undefined() {
            return Ok(None);
        }
        let whole = |number: &f64| {
            number.fract() == 0.0 && *number >= f64::from(*range.start()) && *number <= f64::from(*range.end())
        };
        // In range, so the conversion is exact.
        let number = value.as_f64().filter(whole).map(|number| number as u32);
        number.map(Some).ok_or_else(|| wrong(field, problem))
    }
}

/// A JavaScript value that has to be a string.
pub(super) fn text(value: &JsValue, field: &'static str) -> Result<String, Thrown> {
    let problem = if value.is_undefined() { "is missing: it must be a string" } else { "must be a string" };
    match value.dyn_ref::<js_sys::JsString>() {
        Some(text) => Ok(text.into()),
        None => Err(wrong(field, problem)),
    }
}

/// What is thrown for a parameter.
pub(super) fn wrong(field: &'static str, problem: &'static str) -> Thrown {
    Error::Parameter { field, problem }.into()
}

/// The name of a field as JavaScript spells it. Each is made once and kept: to bring a text over takes longer than to get the
/// member that it names.
fn spelled(field: &'static str) -> &'static JsValue {
    thread_local! {
        static NAMES: RefCell<Vec<(&'static str, &'static JsValue)>> = const { RefCell::new(Vec::new()) };
    }
    // Nothing of the caller's runs in here, which could come back.
    NAMES.with_borrow_mut(|names| {
        if let Some((_, name)) = names.iter().find(|(known, _)| ptr::eq(*known, field)) {
            return *name;
        }
        let name: &JsValue = Box::leak(Box::new(camel_case(field).into()));
        names.push((field, name));
        name
    })
}

/// `relay-token` as JavaScript spells it, `relayToken`.
pub(super) fn camel_case(field: &str) -> String {
    let mut words = field.split('-');
    let mut name: String = words.next().unwrap_or_default().into();
    for word in words {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}
