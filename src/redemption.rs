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
/// The upstream keeps a claim for 24 h under the key that it was asked for with; an hour is for clocks and a request on its way.
pub const REMEMBERED_SECONDS: i64 = 25 * 3600;
/// How often the attempts in doubt are asked before the claim is called lost.
pub const ROUNDS: u32 = 4;
/// The wait between those rounds, in milliseconds.
pub const ROUND_WAIT_MS: u32 = 1000;
/// With so many attempts in doubt, no new one is made: each has to be asked again one day.
pub const MOST_IN_DOUBT: usize = 64;
/// Each attempt in doubt doubles the time after which 5xx answers make another, so often: in an outage of a day, 30 are made.
const DOUBLINGS: usize = 6;

/// One step. The record that comes back has to be durable before the effect is performed.
pub fn advance(mut record: Redemption, event: Event) -> (Redemption, Effect) {
    let effect = step(&mut record.state, event);
    (record, effect)
}

fn step(state: &mut State, event: Event) -> Effect {
    match (&mut *state, event) {
        (State::Redeemed { claim_payload, .. }, _) => claimed(claim_payload, true),
        (State::Refunded { claim_payload, .. }, _) => claimed(claim_payload, false),
        // A claim is taken whenever it comes, even from a send that was given up.
        (_, Event::Answered { answer: Ok(claim), now: at, .. }) => {
            let claim_payload = claim.claim_payload.clone();
            *state = if claim.token_consumed {
                State::Redeemed { claim_payload, at }
            } else {
                State::Refunded { claim_payload, at }
            };
            Effect::Done(Ok(claim))
        }
        (State::Ready, Event::Called { now } | Event::Again { now }) => begin(state, 0, now),
        (State::Rejected { attempt, .. }, Event::Called { now }) => {
            let attempt = *attempt + 1;
            begin(state, attempt, now)
        }
        (State::Lost { since }, _) => Effect::Done(Err(Error::ClaimLost { since: *since })),
        (State::Rejected { refusal, .. }, Event::Again { .. }) => Effect::Done(Err(refusal.to_error(Call::Redemption))),
        (State::Sent(sent), event @ (Event::Called { now } | Event::Again { now })) => {
            if sent.in_flight {
                sent.doubt(now);
            }
            let new_call = matches!(event, Event::Called { .. });
            if new_call && sent.next_attempt && sent.asking.is_empty() {
                sent.attempt += 1;
                (sent.next_attempt, sent.first_5xx_at) = (false, None);
            }
            send(sent, 0)
        }
        (State::Sent(sent), Event::Answered { attempt, answer: Err(error), now }) if attempt == sent.current() => {
            let (effect, given_up) = refused(sent, error, now);
            if let Some(given_up) = given_up {
                *state = given_up;
            }
            effect
        }
        // The answer to a send that another driver has gone beyond: what stands now is asked, at once if the answer says that
        // a wait would change nothing.
        (_, Event::Answered { answer: Err(error), .. }) if error.class().may_retry() => Effect::Unsettled(error),
        (_, Event::Answered { now, .. }) => step(state, Event::Again { now }),
    }
}

fn claimed(claim_payload: &str, token_consumed: bool) -> Effect {
    Effect::Done(Ok(GeneratedClaim { claim_payload: claim_payload.to_owned(), token_consumed }))
}

fn begin(state: &mut State, attempt: u32, now: i64) -> Effect {
    let mut sent = Sent::new(attempt, now);
    let effect = send(&mut sent, 0);
    *state = State::Sent(sent);
    effect
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
        let mut asking = vec![failed];
        for attempt in &self.in_doubt {
            if !asking.contains(attempt) && !self.asking.contains(attempt) {
                asking.push(*attempt);
            }
        }
        asking.append(&mut self.asking);
        self.asking = asking;
    }

    /// Nobody knows what came of the send that was under way.
    fn doubt(&mut self, now: i64) {
        let current = self.current();
        self.round_at = self.round_at.max(now);
        if !self.in_doubt.contains(&current) {
            self.in_doubt.push(current);
        }
    }
}

fn send(sent: &mut Sent, after_ms: u32) -> Effect {
    sent.in_flight = true;
    Effect::Send { attempt: sent.current(), after_ms }
}

/// What follows from a failure; and the state that is gone over to, if the redemption is given up.
fn refused(sent: &mut Sent, error: Error, now: i64) -> (Effect, Option<State>) {
    sent.in_flight = false;
    match error.class() {
        Class::Ambiguous => {
            sent.doubt(now);
            if error.upstream_status().is_some_and(|status| status >= 500) {
                let first = *sent.first_5xx_at.get_or_insert(now);
                let patience = STICKY_SECONDS << (sent.in_doubt.len() - 1).min(DOUBLINGS);
                sent.next_attempt |= sent.may_leave() && now - first >= patience;
            }
            sent.ask_others();
        }
        Class::Later => {}
        Class::Configuration => return (Effect::Done(Err(error)), None),
        Class::NotReady => {
            sent.next_attempt |= sent.may_leave();
            sent.ask_others();
        }
        class => {
            return match Refusal::of(&error) {
                Some(refusal) => ask_those_in_doubt(sent, class, (refusal, error), now),
                None => (Effect::Done(Err(error)), None),
            };
        }
    }
    (Effect::Unsettled(error), None)
}

/// The pass can't be spent any more (409), or not on this relay. If it was by a send of ours whose outcome nobody knows, the
/// upstream keeps the claim under that send's key: they are all asked.
fn ask_those_in_doubt(
    sent: &mut Sent,
    class: Class,
    (refusal, error): (Refusal, Error),
    now: i64,
) -> (Effect, Option<State>) {
    let refused = sent.current();
    let was_asking = sent.asking.pop().is_some();
    let mut after_ms = 0;
    if class != Class::Conflict {
        if !refusal.is_of_the_key() && now.saturating_sub(sent.round_at) < REMEMBERED_SECONDS {
            // With a send in doubt this proves nothing. All others are asked, once in a call, and nothing is given up.
            if !was_asking {
                sent.asking.clone_from(&sent.in_doubt);
                sent.asking.retain(|attempt| *attempt != refused);
            }
            if sent.asking.is_empty() && !sent.in_doubt.is_empty() {
                return (Effect::Done(Err(error)), None);
            }
        } else {
            // The upstream keeps what it executed under a key; this key it refuses.
            sent.in_doubt.retain(|attempt| *attempt != refused);
        }
    }
    if sent.asking.is_empty() {
        if sent.in_doubt.is_empty() {
            return (Effect::Done(Err(error)), Some(State::Rejected { refusal, attempt: sent.attempt }));
        }
        // More than once, since such a send may still be at work. Rounds in one second are one: a crash skips the wait between
        // them, and two drivers may ask at once.
        if sent.rounds > 0 {
            after_ms = ROUND_WAIT_MS;
        }
        if sent.rounds == 0 || now > sent.round_at {
            (sent.rounds, sent.round_at) = (sent.rounds + 1, now);
        }
        if sent.rounds > ROUNDS {
            return (Effect::Done(Err(Error::ClaimLost { since: now })), Some(State::Lost { since: now }));
        }
        sent.asking.clone_from(&sent.in_doubt);
    }
    (send(sent, after_ms), None)
}
