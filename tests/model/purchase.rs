//! The purchase under the checker, and ways to break it.

use relay_edge::encoding::{base64url, from_base64url};
use relay_edge::outcome::Call;
use relay_edge::purchase::{advance, Effect, Event, Purchase, State, REPEATABLE_SECONDS};
use relay_edge::secret::PrivacyPassToken;
use relay_edge::Error;

use crate::driver::{BrokenDriver, Do, Input, Machine, Verdict};
use crate::errors::{error_of, verdict_of};
use crate::world::Reply;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    No,
    Driver(BrokenDriver),
    /// A new attempt after an outcome that nobody knows.
    BuysAfterAmbiguity,
    /// A record that forgets that a send is in doubt.
    ForgetsDoubt,
    /// A refusal by what stands in front is believed.
    BelievesRefusals,
    /// A send without an answer is no reason to doubt a refusal.
    CountsNoSends,
    /// Buys again by itself after a bad signature.
    BuysAfterBadSignature,
}

pub(crate) struct Buying(pub Broken);

fn number(text: &str) -> u8 {
    text.get(1..).and_then(|digits| digits.parse().ok()).unwrap_or(u8::MAX)
}

fn value(pass: &PrivacyPassToken) -> u8 {
    from_base64url(pass.expose()).ok().and_then(|bytes| bytes.first().copied()).unwrap_or(u8::MAX)
}

impl Machine for Buying {
    type Record = Purchase;

    fn start(&self) -> Purchase {
        Purchase::default()
    }

    fn advance(&self, record: &Purchase, input: Input, now: u32) -> (Purchase, Do) {
        let now = i64::from(now);
        let event = match input {
            Input::Called => Event::Called { now },
            Input::Again => Event::Again { now },
            Input::Prepared { attempt, body } => {
                let (pending_pass, idempotency_key) = (format!("b{body}"), format!("k{attempt}"));
                Event::Prepared { attempt: u32::from(attempt), pending_pass, idempotency_key, now }
            }
            Input::Answer { key, reply } => {
                let answer = match reply {
                    Reply::Value(body) => PrivacyPassToken::parse(base64url(&[body])),
                    Reply::BadSignature => Err(Error::BlindSignature),
                    other => Err(error_of(Call::Purchase, other)),
                };
                Event::Answered { attempt: u32::from(key), answer, now }
            }
            Input::Allowed { attempt } => Event::AllowedAgain { attempt: u32::from(attempt) },
        };
        let (mut record, effect) = advance(record.clone(), event);
        let ambiguous = matches!(input, Input::Answer { reply: Reply::Nothing | Reply::Status(500..), .. });
        let refused = matches!(input, Input::Answer { reply: Reply::Status(404), .. });
        match (self.0, &mut record.state) {
            (Broken::BuysAfterAmbiguity, State::Sent(_)) if ambiguous => {
                (record.attempt, record.state) = (record.attempt + 1, State::None);
            }
            (Broken::ForgetsDoubt, State::Sent(sent)) => sent.in_doubt = false,
            (Broken::BelievesRefusals, State::Unknown { .. }) if refused => {
                (record.attempt, record.state) = (record.attempt + 1, State::None);
            }
            (Broken::CountsNoSends, State::Sent(sent) | State::Unknown { sent, .. }) => sent.in_flight = 0,
            (Broken::BuysAfterBadSignature, State::Unusable { .. }) => {
                (record.attempt, record.state) = (record.attempt + 1, State::None);
            }
            _ => {}
        }
        let attempt = u8::try_from(record.attempt).unwrap_or(u8::MAX);
        let effect = match effect {
            Effect::Prepare => Do::Prepare { attempt },
            Effect::Send(sent) => {
                Do::Send { key: number(&sent.idempotency_key), body: number(&sent.pending_pass), after_ms: 0 }
            }
            Effect::Unsettled(_) => Do::Unsettled,
            Effect::Done(Ok(pass)) => Do::Done(Verdict::Value(value(&pass))),
            Effect::Done(Err(error)) => Do::Done(verdict_of(&error)),
        };
        (record, effect)
    }

    fn allowable(&self, record: &Purchase) -> Option<u8> {
        let stands = matches!(record.state, State::Unknown { .. } | State::Unusable { .. });
        stands.then(|| u8::try_from(record.attempt).unwrap_or(u8::MAX))
    }

    fn given_up(&self, record: &Purchase) -> bool {
        matches!(record.state, State::Rejected { .. } | State::Unusable { .. })
    }

    fn repeatable(&self, record: &Purchase, now: u32) -> bool {
        match &record.state {
            State::Sent(sent) | State::Unknown { sent, .. } => i64::from(now) - sent.first_sent_at < REPEATABLE_SECONDS,
            State::Unusable { .. } => false,
            _ => true,
        }
    }

    fn broken_driver(&self) -> BrokenDriver {
        if let Broken::Driver(broken) = self.0 {
            broken
        } else {
            BrokenDriver::No
        }
    }
}
