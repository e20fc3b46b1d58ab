//! The redemption of one pass on one relay, as a state machine: a spent claim is delivered, whatever fails
//! (docs/exactly-once.md).
//!
//! [`advance`] is pure; the driver's loop is that of [`crate::purchase`]. The idempotency key of a send follows from the
//! relay, the pass and the attempt ([`crate::idempotency`]), so a record needs to keep the attempt only.
//!
//! ```text
//!            Called
//!   ready ───────────▶ sent ──────────▶ redeemed     the claim, replayed until its time is over
//!     ▲ attempt + 1    │ ▲ │ └────────▶ refunded     the claim did not pass: replayed as well
//!     └────────────────┘ └─┘ └────────▶ rejected     another pass may be tried
//!       not ready, or a    ambiguous:   lost         spent, and the upstream gives the claim to no key of ours
//!       kept failure       same key
//! ```
//!
//! A new attempt never strands an old one: when the pass turns out to be spent (409), each attempt whose outcome was in
//! doubt is asked again under its own key, where the upstream keeps the claim, before anything is called lost.

mod record;

pub use record::{Redemption, Sent, State};

use crate::api::GeneratedClaim;
use crate::error::Error;
use crate::outcome::{Call, Class};
use crate::refusal::Refusal;

/// What happened. Times are Unix seconds.
#[derive(Debug, Clone)]
pub enum Event {
    /// Somebody wants the claim.
    Called {
        /// Now.
        now: i64,
    },
    /// The same run tries again after [`Effect::Unsettled`] and a wait, or an alarm went off: under the same key, never a new attempt.
    Again {
        /// Now.
        now: i64,
    },
    /// What came of [`Effect::Send`].
    Answered {
        /// The attempt of that effect.
        attempt: u32,
        /// The claim, or the error.
        answer: Result<GeneratedClaim, Error>,
        /// Now.
        now: i64,
    },
}

/// What to do next, when the record is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send under the key of this attempt, not before so many milliseconds; then [`Event::Answered`].
    Send {
        /// Part of the idempotency key.
        attempt: u32,
        /// Milliseconds.
        after_ms: u32,
    },
    /// The same request may be sent again after a wait, or later; until then this is the answer.
    Unsettled(Error),
    /// Settled: the answer.
    Done(Result<GeneratedClaim, Error>),
}

/// The version of the record's layout.
pub const VERSION: u32 = 1;
/// As for purchases: 5xx answers this far apart are no passing trouble.
pub const STICKY_SECONDS: i64 = crate::purchase::STICKY_SECONDS;
/// How often the attempts in doubt are asked before the claim is called lost.
pub const ROUNDS: u32 = 4;
/// The wait between those rounds, in milliseconds.
pub const ROUND_WAIT_MS: u32 = 1000;
/// With so many attempts in doubt, no new one is made: each has to be asked again one day.
pub const MOST_IN_DOUBT: usize = 64;
/// Each attempt in doubt doubles the time after which 5xx answers make another, so often: in an outage of a day, 30 are made.
const DOUBLINGS: usize = 6;

/// One step. The record that comes back has to be durable before the effect is performed.
pub fn advance(record: Redemption, event: Event) -> (Redemption, Effect) {
    let Redemption { v, pass, state } = record;
    let (state, effect) = match (state, event) {
        (State::Redeemed { claim_payload, at }, _) => {
            let claim = GeneratedClaim { claim_payload: claim_payload.clone(), token_consumed: true };
            (State::Redeemed { claim_payload, at }, Effect::Done(Ok(claim)))
        }
        (State::Refunded { claim_payload, at }, _) => {
            let claim = GeneratedClaim { claim_payload: claim_payload.clone(), token_consumed: false };
            (State::Refunded { claim_payload, at }, Effect::Done(Ok(claim)))
        }
        // A claim is taken whenever it comes, even from a send that was given up.
        (_, Event::Answered { answer: Ok(claim), now, .. }) => {
            let claim_payload = claim.claim_payload.clone();
            let state = if claim.token_consumed {
                State::Redeemed { claim_payload, at: now }
            } else {
                State::Refunded { claim_payload, at: now }
            };
            (state, Effect::Done(Ok(claim)))
        }
        (State::Ready, Event::Called { now } | Event::Again { now }) => send(Sent::new(0, now)),
        (State::Rejected { attempt, .. }, Event::Called { now }) => send(Sent::new(attempt + 1, now)),
        (State::Lost { since }, _) => (State::Lost { since }, Effect::Done(Err(Error::ClaimLost { since }))),
        (State::Rejected { refusal, attempt }, Event::Again { .. }) => {
            let error = refusal.to_error(Call::Redemption);
            (State::Rejected { refusal, attempt }, Effect::Done(Err(error)))
        }
        (State::Sent(mut sent), event @ (Event::Called { .. } | Event::Again { .. })) => {
            if sent.in_flight {
                sent.doubt();
            }
            let new_call = matches!(event, Event::Called { .. });
            if new_call && sent.next_attempt && sent.asking.is_empty() {
                sent.attempt += 1;
                (sent.next_attempt, sent.first_5xx_at) = (false, None);
            }
            send(sent)
        }
        (State::Sent(sent), Event::Answered { attempt, answer: Err(error), now }) if attempt == sent.current() => {
            refused(sent, error, now)
        }
        // The answer to a send that another driver has gone beyond: what stands now is asked, at once if the answer says that
        // a wait would change nothing.
        (state, Event::Answered { answer: Err(error), .. }) if error.class().may_retry() => {
            (state, Effect::Unsettled(error))
        }
        (state, Event::Answered { now, .. }) => return advance(Redemption { v, pass, state }, Event::Again { now }),
    };
    (Redemption { v, pass, state }, effect)
}

impl Sent {
    fn new(attempt: u32, now: i64) -> Self {
        Self {
            attempt,
            in_flight: false,
            in_doubt: Vec::new(),
            first_5xx_at: None,
            next_attempt: false,
            asking: Vec::new(),
            rounds: 0,
            round_at: now,
            first_sent_at: now,
        }
    }

    /// The attempt that the next send is under.
    fn current(&self) -> u32 {
        self.asking.last().copied().unwrap_or(self.attempt)
    }

    /// Whether the next call may leave this attempt for a new one.
    fn may_leave(&self) -> bool {
        self.asking.is_empty() && self.in_doubt.len() < MOST_IN_DOUBT
    }

    /// Asks all the others first: this one may go on failing for as long as the upstream keeps a failure under its key.
    fn ask_others(&mut self) {
        let Some(failed) = self.asking.pop() else { return };
        let asked = self.in_doubt.iter().filter(|attempt| **attempt != failed && !self.asking.contains(attempt));
        self.asking = [failed].iter().chain(asked).chain(&self.asking).copied().collect();
    }

    /// Nobody knows what came of the send that was under way.
    fn doubt(&mut self) {
        let current = self.current();
        if !self.in_doubt.contains(&current) {
            self.in_doubt.push(current);
        }
    }
}

fn send(mut sent: Sent) -> (State, Effect) {
    sent.in_flight = true;
    let effect = Effect::Send { attempt: sent.current(), after_ms: 0 };
    (State::Sent(sent), effect)
}

fn refused(mut sent: Sent, error: Error, now: i64) -> (State, Effect) {
    sent.in_flight = false;
    match error.class() {
        Class::Ambiguous => {
            sent.doubt();
            if error.upstream_status().is_some_and(|status| status >= 500) {
                let first = *sent.first_5xx_at.get_or_insert(now);
                let patience = STICKY_SECONDS << (sent.in_doubt.len() - 1).min(DOUBLINGS);
                sent.next_attempt |= sent.may_leave() && now - first >= patience;
            }
            sent.ask_others();
            (State::Sent(sent), Effect::Unsettled(error))
        }
        Class::Later => (State::Sent(sent), Effect::Unsettled(error)),
        Class::Configuration => (State::Sent(sent), Effect::Done(Err(error))),
        Class::NotReady => {
            sent.next_attempt |= sent.may_leave();
            sent.ask_others();
            (State::Sent(sent), Effect::Unsettled(error))
        }
        class => {
            let Some(refusal) = Refusal::of(&error) else { return (State::Sent(sent), Effect::Done(Err(error))) };
            if class != Class::Conflict {
                // The upstream keeps what it executed under a key; this key it refuses.
                let current = sent.current();
                sent.in_doubt.retain(|attempt| *attempt != current);
            }
            ask_those_in_doubt(sent, refusal, error, now)
        }
    }
}

/// The pass can't be spent any more, or not on this relay. If it was by a send of ours whose outcome nobody knows, the
/// upstream keeps the claim under that send's key: ask them all, more than once, since such a send may still be at work.
fn ask_those_in_doubt(mut sent: Sent, refusal: Refusal, error: Error, now: i64) -> (State, Effect) {
    sent.asking.pop();
    let doubtful = &sent.in_doubt;
    sent.asking.retain(|attempt| doubtful.contains(attempt));
    if !sent.asking.is_empty() {
        return send(sent);
    }
    if sent.in_doubt.is_empty() {
        return (State::Rejected { refusal, attempt: sent.attempt }, Effect::Done(Err(error)));
    }
    let after_ms = if sent.rounds == 0 { 0 } else { ROUND_WAIT_MS };
    // Rounds in one second are one: a crash skips the wait between them, and two drivers may ask at once.
    if sent.rounds == 0 || now > sent.round_at {
        (sent.rounds, sent.round_at) = (sent.rounds + 1, now);
    }
    if sent.rounds > ROUNDS {
        return (State::Lost { since: now }, Effect::Done(Err(Error::ClaimLost { since: now })));
    }
    sent.asking.clone_from(&sent.in_doubt);
    sent.in_flight = true;
    let effect = Effect::Send { attempt: sent.current(), after_ms };
    (State::Sent(sent), effect)
}
