//! `create`: makes a relay.

use super::client::Client;
use super::error::Failure;
use super::line::{read, Heard, Line};
use super::out::to_js;
use super::run::{Job, Step, Told};
use crate::api::{self, Request};

/// The making of a relay, under way.
pub(super) struct Creating {
    line: Line,
    /// Until it is sent.
    request: Option<Request>,
}

impl Creating {
    pub(super) fn new(client: Client, request: Request) -> Self {
        Self { line: Line::new(client), request: Some(request) }
    }
}

impl Job for Creating {
    fn step(&mut self, told: Told) -> Result<Step, Failure> {
        let heard = match self.request.take() {
            Some(request) => self.line.send(request),
            None => self.line.hear(told),
        };
        let answer = match heard {
            Heard::Wait(promise) => return Ok(Step::Wait(promise)),
            Heard::Answer(answer) => answer,
        };
        match read(answer, api::create_answer) {
            Ok(relay) => to_js(&[
                ("relayToken", relay.relay_token.as_str().into()),
                ("relaySecret", relay.relay_secret.expose().into()),
                ("relaySessionAccessToken", relay.relay_session_access_token.as_str().into()),
            ])
            .map(Step::End),
            Err(failure) => self.line.retry(failure),
        }
    }
}
