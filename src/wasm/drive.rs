//! What the drivers of the two machines share. A driver is a loop: advance, make the record durable, perform the effect, and
//! again.
//!
//! Several may drive one record at once: the store compares and sets, and whoever comes too late goes on from what stands.

use core::mem::{discriminant, Discriminant};

use js_sys::Promise;
use wasm_bindgen::JsValue;

use super::client::Client;
use super::error::{Failed, Failure};
use super::fetch;
use super::line::Line;
use super::run::Told;
use super::store::{saved, Store};
use crate::error::Error;

/// Who sets a driver going.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Somebody wants the result.
    Called,
    /// Nobody asked: something is in doubt, and is gone on with. No new attempt is made.
    ByItself,
    /// An operator gives leave to buy once more after a purchase of which nobody knows whether it was billed.
    AllowedAgain,
}

/// What one run remembers between its effects, and no record needs to.
pub(super) struct Drive {
    pub(super) line: Line,
    pub(super) store: Store,
    /// Of the record that stands.
    pub(super) version: JsValue,
    /// Exchanges that the machine asked for.
    pub(super) tries: u32,
    /// Writes in a row that another driver was faster than.
    lost: u32,
    /// Of the latest failure.
    latest: Option<Latest>,
}

/// What the machines do not look at of a failure.
struct Latest {
    kind: Discriminant<Error>,
    cause: JsValue,
    request_id: Option<String>,
}

impl Drive {
    pub(super) fn new(client: Client, store: Store) -> Self {
        Self { line: Line::new(client), store, version: JsValue::UNDEFINED, tries: 0, lost: 0, latest: None }
    }

    /// Whether a write was taken, whose version is then the one to write over; not when another driver was faster.
    pub(super) fn saved(&mut self, told: Told) -> Result<bool, Failure> {
        let version = saved(told)?;
        self.lost = if version.is_some() { 0 } else { self.lost + 1 };
        self.version = version.unwrap_or_default();
        Ok(self.lost == 0)
    }

    /// The wait before the record is read again, after a write that another driver was faster than; longer each time.
    ///
    /// # Errors
    /// [`Error::StoreFailed`] when no time is left: the store takes nothing.
    pub(super) fn make_way(&self) -> Result<Promise, Failure> {
        const WHY: &str =
            "each write was refused: does `write` answer a version, and compare it with what `read` gave?";
        self.line.check_time().map_err(|_| Failure::because(Error::StoreFailed, WHY.into()))?;
        Ok(fetch::sleep(1 << self.lost.min(7)))
    }

    /// The error that an event carries, of a failure; what it does not carry is kept.
    pub(super) fn failed(&mut self, failure: Failure) -> Error {
        let Failed { error, cause, request_id, .. } = failure.into();
        self.latest = Some(Latest { kind: discriminant(&error), cause, request_id });
        error
    }

    /// The wait before the next try.
    ///
    /// # Errors
    /// `error` when there is to be none.
    pub(super) fn wait(&mut self, error: Error) -> Result<Promise, Failure> {
        match self.line.wait(&error, self.tries.max(1)) {
            Some(elapsed) => Ok(elapsed),
            None => Err(self.whole(error)),
        }
    }

    /// An error with the request id of the latest failure, and its cause if it is of that kind.
    pub(super) fn whole(&mut self, error: Error) -> Failure {
        let kind = discriminant(&error);
        let mut failure = Failure::from(error);
        if let Some(latest) = self.latest.take() {
            failure.request_id = latest.request_id;
            if latest.kind == kind {
                failure.cause = latest.cause;
            }
        }
        failure
    }

    /// Whether the result was there before; `None` when nothing is kept from call to call.
    pub(super) fn replayed(&self) -> Option<bool> {
        self.store.kept().then_some(self.tries == 0)
    }
}
