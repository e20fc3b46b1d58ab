//! The line to the upstream: a request, its tries, and the waits between them.

use js_sys::Promise;

use super::client::Client;
use super::error::Failure;
use super::fetch;
use super::run::{Step, Told, OUT_OF_TURN};
use crate::api::{Request, Response};
use crate::error::Error;

/// One request after the other, all within the client's deadline.
pub(super) struct Line {
    pub(super) client: Client,
    /// When the deadline began, in Unix milliseconds.
    started: f64,
    request: Option<Request>,
    /// Whether the request was sent, and its answer is waited for.
    under_way: bool,
    /// Exchanges of this request.
    tries: u32,
}

/// What comes of a request.
pub(super) enum Heard {
    /// Nothing yet: wait, and ask again.
    Wait(Promise),
    /// The answer, or why there is none.
    Answer(Result<Response, Failure>),
}

impl Line {
    /// The deadline begins now.
    pub(super) fn new(client: Client) -> Self {
        Self { client, started: fetch::unix_milliseconds(), request: None, under_way: false, tries: 0 }
    }

    /// Sends a new request.
    pub(super) fn send(&mut self, request: Request) -> Heard {
        self.request = Some(request);
        self.tries = 0;
        self.again()
    }

    /// Goes on, told what became of what was waited for.
    pub(super) fn hear(&mut self, told: Told) -> Heard {
        if !core::mem::take(&mut self.under_way) {
            return self.again();
        }
        Heard::Answer(fetch::answered(told))
    }

    /// Waits before the same request is sent again by [`hear`](Self::hear).
    ///
    /// # Errors
    /// `failure` when it is not to be sent again.
    pub(super) fn retry(&self, failure: Failure) -> Result<Step, Failure> {
        match self.wait(&failure.error, self.tries) {
            Some(elapsed) => Ok(Step::Wait(elapsed)),
            None => Err(failure),
        }
    }

    /// The wait after so many tries; `None` when there is to be no other.
    pub(super) fn wait(&self, error: &Error, tries: u32) -> Option<Promise> {
        self.client.wait_ms(error, tries, self.started).map(fetch::sleep)
    }

    /// Whether time is left for a try.
    ///
    /// # Errors
    /// [`Error::Timeout`] when none is.
    pub(super) fn check_time(&self) -> Result<(), Error> {
        self.client.time_left_ms(self.started).map(drop)
    }

    fn again(&mut self) -> Heard {
        self.tries += 1;
        let Some(request) = &self.request else {
            return Heard::Answer(Err(OUT_OF_TURN.into()));
        };
        match self.client.exchange(self.started, request) {
            Ok(promise) => {
                self.under_way = true;
                Heard::Wait(promise)
            }
            Err(error) => Heard::Answer(Err(error.into())),
        }
    }
}

/// Reads an answer, given the time in Unix seconds.
pub(super) fn read<T>(
    answer: Result<Response, Failure>,
    read: impl FnOnce(&Response, i64) -> Result<T, Error>,
) -> Result<T, Failure> {
    let response = answer?;
    read(&response, fetch::unix_seconds()).map_err(|error| Failure::of_request(error, response.request_id))
}
