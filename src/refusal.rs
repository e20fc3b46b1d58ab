//! A refusal that is kept: what a later caller is told of an answer that the upstream gave once.

use serde::Serialize;

use crate::error::{Error, UpstreamError};
use crate::json::{Object, Writer};
use crate::outcome::{classify, Call};

/// What the upstream said when it refused definitively. It names no secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The first error's `title`.
    pub title: Option<String>,
    /// The first error's `details`.
    pub details: Option<String>,
    /// The first error's `code`.
    pub code: Option<String>,
    /// The `Request-Id` header.
    pub request_id: Option<String>,
}

impl Refusal {
    /// As a record keeps it.
    pub(crate) fn to_text(&self) -> String {
        let text = Writer::new().number("status", self.status.into()).optional_text("title", self.title.as_deref());
        let text = text.optional_text("details", self.details.as_deref()).optional_text("code", self.code.as_deref());
        text.optional_text("requestId", self.request_id.as_deref()).end()
    }

    pub(crate) fn read(object: &Object<'_>) -> Option<Self> {
        Some(Self {
            status: u16::try_from(object.number("status")?).ok()?,
            title: object.optional_text("title")?,
            details: object.optional_text("details")?,
            code: object.optional_text("code")?,
            request_id: object.optional_text("requestId")?,
        })
    }

    /// What is worth keeping of an error; `None` when it is not one that the upstream answered.
    pub fn of(error: &Error) -> Option<Self> {
        let Error::Upstream(error) = error else { return None };
        let UpstreamError { status, title, details, code, request_id, .. } = error.as_ref().clone();
        Some(Self { status, title, details, code, request_id })
    }

    /// Whether the upstream says that the idempotency key was used with other parameters (docs/protocol.md, "Errors").
    pub fn is_of_a_used_key(&self) -> bool {
        self.status == 400 && self.title.as_deref().is_some_and(|title| title.eq_ignore_ascii_case("Idempotency error"))
    }

    /// Whether it speaks for what remembers the key: it is in the upstream's own words, so it does not come from something that
    /// stands in front of it, as a load balancer's 404 does; and it is no 409, which may mean a send of ours that is still at work.
    pub fn is_of_the_key(&self) -> bool {
        self.title.is_some() && self.status != 409
    }

    /// The error again, as it was on this call.
    pub fn to_error(&self, call: Call) -> Error {
        let Self { status, title, details, code, request_id } = self.clone();
        let class = classify(call, status);
        let (meta, retry_after_seconds) = (None, None);
        Error::Upstream(Box::new(UpstreamError {
            call,
            status,
            class,
            title,
            details,
            code,
            meta,
            request_id,
            retry_after_seconds,
        }))
    }
}
