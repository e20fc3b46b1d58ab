//! The redemption under the checker, and ways to break it.

use relay_edge::api::GeneratedClaim;
use relay_edge::outcome::Call;
use relay_edge::redemption::{advance, Effect, Event, Redemption, State};

use crate::driver::{BrokenDriver, Do, Input, Machine, Verdict};
use crate::errors::{error_of, verdict_of};
use crate::world::Reply;

/// What is broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    No,
    Driver(BrokenDriver),
    /// A new key after each outcome that nobody knows, and the old one forgotten: what the vendor's gateway does.
    NewKeyPerCall,
    /// Forgets which attempts are in doubt.
    ForgetsDoubt,
    /// Calls the first 409 lost.
    LostAtOnce,
    /// A refusal by what stands in front is believed.
    BelievesRefusals,
}

pub(crate) struct Redeeming {
    pub broken: Broken,
    /// The claim did not pass.
    pub failing: bool,
}

impl Machine for Redeeming {
    type Record = Redemption;

    fn start(&self) -> Redemption {
        Redemption::new("cGFzcw".into())
    }

    fn advance(&self, record: &Redemption, input: Input, now: u32) -> (Redemption, Do) {
        let now = i64::from(now);
        let event = match input {
            Input::Answer { key, reply } => {
                let answer = match reply {
                    Reply::Value(_) => {
                        Ok(GeneratedClaim { claim_payload: "claim".into(), token_consumed: !self.failing })
                    }
                    other => Err(error_of(Call::Redemption, other)),
                };
                Event::Answered { attempt: u32::from(key), answer, now }
            }
            Input::Again => Event::Again { now },
            _ => Event::Called { now },
        };
        let (mut record, effect) = advance(record.clone(), event);
        let ambiguous = matches!(input, Input::Answer { reply: Reply::Nothing | Reply::Status(500..), .. });
        let conflict = matches!(input, Input::Answer { reply: Reply::Status(409), .. });
        let refused = matches!(input, Input::Answer { reply: Reply::Status(404), .. });
        match (self.broken, &mut record.state) {
            (Broken::NewKeyPerCall, State::Sent(sent)) if ambiguous => {
                sent.attempt += 1;
                sent.in_doubt.clear();
            }
            (Broken::ForgetsDoubt, State::Sent(sent)) => sent.in_doubt.clear(),
            (Broken::BelievesRefusals, State::Sent(sent)) if refused => sent.in_doubt.clear(),
            (Broken::LostAtOnce, state @ State::Sent(_)) if conflict => *state = State::Lost { since: now },
            _ => {}
        }
        let effect = match effect {
            Effect::Send { attempt, after_ms } => {
                Do::Send { key: u8::try_from(attempt).unwrap_or(u8::MAX), body: 0, after_ms }
            }
            Effect::Unsettled(_) => Do::Unsettled,
            Effect::Done(Ok(claim)) => Do::Done(Verdict::Value(u8::from(claim.token_consumed == self.failing))),
            Effect::Done(Err(error)) => Do::Done(verdict_of(&error)),
        };
        (record, effect)
    }

    fn allowable(&self, _: &Redemption) -> Option<u8> {
        None
    }

    fn given_up(&self, record: &Redemption) -> bool {
        matches!(record.state, State::Lost { .. } | State::Rejected { .. })
    }

    fn repeatable(&self, _: &Redemption, _: u32) -> bool {
        true
    }

    fn broken_driver(&self) -> BrokenDriver {
        if let Broken::Driver(broken) = self.broken {
            broken
        } else {
            BrokenDriver::No
        }
    }
}
