//! Errors on their way to JavaScript: plain data that js/errors.js turns into a `PersonaError`, or a `TypeError`.

use core::ops::{Deref, DerefMut};

use js_sys::{Object, Reflect, TypeError, JSON};
use wasm_bindgen::JsValue;

use super::params::camel_case;
use crate::error::Error;

/// An error, and what the runtime threw when that is where it came from.
pub(super) struct Failure(Box<Failed>);

/// What there is to say of a failure.
pub(super) struct Failed {
    pub(super) error: Error,
    pub(super) cause: JsValue,
    /// The `Request-Id` of the answer, when there was one.
    pub(super) request_id: Option<String>,
    /// What a function of the caller's threw, when that is why: it is thrown on as it is, and no other member counts.
    pub(super) own: Option<JsValue>,
}

impl Failure {
    /// A function of the caller's threw this.
    pub(super) fn of_the_caller(thrown: JsValue) -> Self {
        let mut failure = Self::from(Error::Internal("a function of the caller's failed"));
        failure.own = Some(thrown);
        failure
    }

    /// The same with what the runtime threw.
    pub(super) fn because(error: Error, cause: JsValue) -> Self {
        let mut failure = Self::from(error);
        failure.cause = cause;
        failure
    }

    /// The same with the `Request-Id` of the answer.
    pub(super) fn of_request(error: Error, request_id: Option<String>) -> Self {
        let mut failure = Self::from(error);
        failure.request_id = request_id;
        failure
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(Box::new(Failed { error, cause: JsValue::UNDEFINED, request_id: None, own: None }))
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        *failure.0
    }
}

impl Deref for Failure {
    type Target = Failed;

    fn deref(&self) -> &Failed {
        &self.0
    }
}

impl DerefMut for Failure {
    fn deref_mut(&mut self) -> &mut Failed {
        &mut self.0
    }
}

/// What an exported function throws.
pub struct Thrown(JsValue);

impl Thrown {
    /// For options that no call could work with.
    pub(super) fn misuse(self) -> Self {
        let text = |name: &str| Reflect::get(&self.0, &name.into()).ok()?.as_string();
        let text = text("details").or_else(|| text("title")).unwrap_or_default();
        Self(TypeError::new(&text).into())
    }
}

impl From<Thrown> for JsValue {
    fn from(thrown: Thrown) -> Self {
        thrown.0
    }
}

impl From<Error> for Thrown {
    fn from(error: Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<Failure> for Thrown {
    fn from(failure: Failure) -> Self {
        let Failed { error, cause, request_id, own } = failure.into();
        if let Some(own) = own {
            return Self(own);
        }
        let data = Object::new();
        let set = |name: &str, value: JsValue| {
            if !value.is_undefined() {
                // A fresh plain object takes every property.
                let _ = Reflect::set(&data, &name.into(), &value);
            }
        };
        set("statusCode", error.status().into());
        set("title", error.title().into());
        set("details", error.details().map(|details| in_camel_case(&error, details)).into());
        set("code", error.code().into());
        set("origin", error.origin().as_str().into());
        set("field", error.field().map(camel_case).into());
        set("retryAfter", error.retry_after_seconds().map(|seconds| seconds as f64).into());
        set("cause", cause);
        set("requestId", request_id.into());
        if let Error::Upstream(upstream) = &error {
            set("meta", upstream.meta.as_deref().and_then(|meta| JSON::parse(meta).ok()).into());
        }
        Self(data.into())
    }
}

/// Details begin with the wrong parameter's name; JavaScript knows it in camel case.
fn in_camel_case(error: &Error, details: String) -> String {
    match error.field().and_then(|field| Some((field, details.strip_prefix(field)?))) {
        Some((field, rest)) => camel_case(field) + rest,
        None => details,
    }
}
