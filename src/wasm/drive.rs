//! What the drivers of the two machines share. A driver is a loop: advance, make the record durable, perform the effect, and
//! again.
//!
//! Several may drive one record at once: the store compares and sets, and whoever comes too late goes on from what stands.

use js_sys::Promise;
use wasm_bindgen::JsValue;

use super::client::Client;
use super::error::Failure;
use super::line::Line;
use super::store::Store;
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
    /// The latest failure, with what the machines do not look at: the cause and the request id.
    latest: Option<Failure>,
}

impl Drive {
    pub(super) fn new(client: Client, store: Store) -> Self {
        Self { line: Line::new(client), store, version: JsValue::UNDEFINED, tries: 0, latest: None }
    }

    /// The error that an event carries, of a failure; what it does not carry is kept.
    pub(super) fn failed(&mut self, failure: Failure) -> Error {
        let error = failure.error.clone();
        self.latest = Some(failure);
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

    /// An error with its cause and request id, if it is the latest that there was.
    pub(super) fn whole(&mut self, error: Error) -> Failure {
        match self.latest.take() {
            Some(latest) if latest.error == error => latest,
            Some(latest) => Failure::of_request(error, latest.request_id.clone()),
            None => error.into(),
        }
    }

    /// Whether the result was there before; `None` when nothing is kept from call to call.
    pub(super) fn replayed(&self) -> Option<bool> {
        self.store.kept().then_some(self.tries == 0)
    }
}
