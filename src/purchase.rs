//! The purchase of one pass, as a state machine: bought at most once per attempt, whatever fails (docs/exactly-once.md).
//!
//! [`advance`] is pure. A driver is a loop: advance, **make the record durable**, perform the effect, and again. What is
//! needed to repeat a call, byte for byte and under the same idempotency key, is so durable before the call leaves. What a
//! driver owes the machine (checked in tests/model):
//! * The record is written with a compare-and-set. When another driver was faster, the same event is told to the record
//!   that stands, with the attempt that it had. When nobody knows whether the write was made, the run ends as in a crash.
//! * A send leaves within [`SEND_WITHIN_SECONDS`] of the `now` it was advanced with, or else [`Event::Again`] is told first.
//! * [`Effect::Unsettled`]: wait, tell [`Event::Again`], so many times; then the error is the caller's answer, and the next
//!   call or alarm goes on from the record. Only a new call by a caller is [`Event::Called`].
//! * [`Effect::Prepare`] is for runs that somebody wants something of: that of an alarm ends there, for it spends nothing.
//!
//! ```text
//!            Called              Prepared                 signature verifies
//!   none ────────────▶ (prepare) ─────────▶ sent ───────────────────────────▶ issued
//!    ▲                                      │ ▲ │ ambiguous, later, configuration: the same bytes again
//!    │ Called, attempt + 1                  │ └─┘
//!    ├───────────────────────── rejected ◀──┤ definitive refusal
//!    │ AllowedAgain, attempt + 1            │
//!    └────────────────── unknown, unusable ◀┘ nobody can tell whether it was billed; billed, but unusable
//! ```

mod record;

pub use record::{Description, Purchase, Sent, State};

use crate::error::Error;
use crate::outcome::{Call, Class};
use crate::refusal::Refusal;
use crate::secret::PrivacyPassToken;

/// What happened. Times are Unix seconds.
#[derive(Clone)]
pub enum Event {
    /// Somebody wants the pass.
    Called {
        /// Now.
        now: i64,
    },
    /// The same run tries again after [`Effect::Unsettled`] and a wait, or an alarm went off. What [`Called`](Self::Called) does only for a new
    /// call, a new attempt, this does not.
    Again {
        /// Now.
        now: i64,
    },
    /// What [`Effect::Prepare`] asked for.
    Prepared {
        /// The record's attempt when it was asked for: what the key was made for.
        attempt: u32,
        /// [`PendingPass::to_text`](crate::pass::PendingPass::to_text).
        pending_pass: String,
        /// The idempotency key of that attempt.
        idempotency_key: String,
        /// Now.
        now: i64,
    },
    /// What came of [`Effect::Send`]: the blind signature, unblinded and verified, or why not.
    Answered {
        /// The record's attempt when it was sent.
        attempt: u32,
        /// The pass, or the error.
        answer: Result<PrivacyPassToken, Error>,
        /// Now.
        now: i64,
    },
    /// An operator allows to buy once more after an unknown or unusable purchase.
    AllowedAgain {
        /// The attempt that the operator looked at. It is given up once, however often that is said.
        attempt: u32,
    },
}

/// What to do next, when the record is durable.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Fetch a challenge, which is free, and blind a token for it;
    /// then [`Event::Prepared`]. If that fails nothing was bought, and the run ends.
    Prepare,
    /// Send the request of [`Sent`]; then [`Event::Answered`].
    Send(Sent),
    /// The same request may be sent again after a wait, or later; until then this is the answer.
    Unsettled(Error),
    /// Settled: the answer.
    Done(Result<PrivacyPassToken, Error>),
}

/// The version of the record's layout.
pub const VERSION: u32 = 1;
/// The upstream remembers a key for 24 h; an hour is left for clocks and for a request on its way.
pub const REPEATABLE_SECONDS: i64 = 23 * 3600;
/// A send that is late by more is not made: it could arrive when its key is forgotten.
pub const SEND_WITHIN_SECONDS: i64 = 600;
/// 5xx answers this far apart are no passing trouble: the upstream may be repeating a failure that it keeps under the key.
pub const STICKY_SECONDS: i64 = 60;

/// One step. The record that comes back has to be durable before the effect is performed.
pub fn advance(record: Purchase, event: Event) -> (Purchase, Effect) {
    let Purchase { v, attempt, state } = record;
    let to = |attempt, state, effect| (Purchase { v, attempt, state }, effect);
    match (state, event) {
        // A pass is taken whenever it comes, even from an attempt that was given up: it was paid for.
        (state, Event::Answered { answer: Ok(pass), now, .. }) if !matches!(state, State::Issued { .. }) => {
            let issued = State::Issued { pass: pass.expose().to_owned(), issued_at: now };
            to(attempt, issued, Effect::Done(Ok(pass)))
        }

        (State::None, Event::Called { .. } | Event::Again { .. }) => to(attempt, State::None, Effect::Prepare),
        // An explicit new call after a refusal is a new attempt.
        (State::Rejected { .. }, Event::Called { .. }) => to(attempt + 1, State::None, Effect::Prepare),
        (State::Sent(mut sent), Event::Called { now } | Event::Again { now }) => {
            match (sent.sends_again(now), sent.may_be_billed()) {
                (true, _) => to(attempt, State::Sent(sent.clone()), Effect::Send(sent)),
                // The key may be forgotten: the same bytes could be billed again.
                (false, true) => unknown(v, attempt, sent, now),
                // Each send was answered, and none was executed. Other bytes need another key.
                (false, false) => to(attempt + 1, State::None, Effect::Prepare),
            }
        }
        (State::Unknown { mut sent, since }, Event::Called { now } | Event::Again { now }) => {
            let effect = if sent.sends_again(now) {
                Effect::Send(sent.clone())
            } else {
                Effect::Done(Err(Error::PurchaseUnknown { since }))
            };
            to(attempt, State::Unknown { sent, since }, effect)
        }

        (State::None, Event::Prepared { attempt: of, pending_pass, idempotency_key, now }) if of == attempt => {
            let sent = Sent {
                pending_pass,
                idempotency_key,
                first_sent_at: now,
                in_flight: 1,
                in_doubt: false,
                first_5xx_at: None,
            };
            to(attempt, State::Sent(sent.clone()), Effect::Send(sent))
        }
        // Another driver was faster. What was prepared is thrown away.
        (state, Event::Prepared { now, .. }) => advance(Purchase { v, attempt, state }, Event::Again { now }),

        (
            State::Sent(_) | State::Unknown { .. },
            Event::Answered { attempt: of, answer: Err(Error::BlindSignature), now },
        ) if of == attempt => to(attempt, State::Unusable { since: now }, Effect::Done(Err(Error::BlindSignature))),
        (State::Sent(sent), Event::Answered { attempt: of, answer: Err(error), now }) if of == attempt => {
            refused(v, attempt, sent, None, error, now)
        }
        (State::Unknown { sent, since }, Event::Answered { attempt: of, answer: Err(error), now }) if of == attempt => {
            refused(v, attempt, sent, Some(since), error, now)
        }

        // A refusal of an attempt that another driver has gone beyond is not the answer of the one that stands.
        (state @ (State::None | State::Sent(_)), Event::Answered { answer: Err(error), now, .. })
            if !error.class().may_retry() =>
        {
            advance(Purchase { v, attempt, state }, Event::Again { now })
        }

        (State::Unknown { .. } | State::Unusable { .. }, Event::AllowedAgain { attempt: of }) if of == attempt => {
            to(attempt + 1, State::None, Effect::Prepare)
        }

        // Nothing changes: a failure of an attempt that another driver has gone beyond, or a leave that is not needed.
        (state, event) => {
            let effect = standing(&state, event);
            to(attempt, state, effect)
        }
    }
}

fn standing(state: &State, event: Event) -> Effect {
    match state {
        State::Issued { pass, .. } => Effect::Done(PrivacyPassToken::parse(pass.as_str())),
        State::Rejected { refusal } => Effect::Done(Err(refusal.to_error(Call::Purchase))),
        State::Unknown { since, .. } => Effect::Done(Err(Error::PurchaseUnknown { since: *since })),
        State::Unusable { .. } => Effect::Done(Err(Error::BlindSignature)),
        State::None | State::Sent(_) => match event {
            Event::Answered { answer: Err(error), .. } => Effect::Unsettled(error),
            Event::AllowedAgain { .. } => Effect::Done(Err(Error::PurchaseNotInDoubt)),
            _ => Effect::Done(Err(Error::Internal("nothing follows from what happened to a purchase"))),
        },
    }
}

/// What a failure says of a purchase that was sent, and may be unknown already.
fn refused(v: u32, attempt: u32, mut sent: Sent, since: Option<i64>, error: Error, now: i64) -> (Purchase, Effect) {
    sent.in_flight = sent.in_flight.saturating_sub(1);
    let class = error.class();
    let mut is_unknown = since.is_some();
    let mut effect = Effect::Unsettled(error.clone());
    match Refusal::of(&error).filter(|_| class == Class::Rejected) {
        // Other bytes went out under this key: a record was lost, and what it knew of is billed perhaps.
        Some(refusal) if refusal.is_of_a_used_key() => (sent.in_doubt, is_unknown) = (true, true),
        Some(refusal) if refusal.is_of_the_key() || !sent.may_be_billed() => {
            return (Purchase { v, attempt, state: State::Rejected { refusal } }, Effect::Done(Err(error)));
        }
        // It is one send's, and another may have been executed; or its driver has not had the answer yet.
        Some(_) => {
            is_unknown |= sent.in_doubt || now.saturating_sub(sent.first_sent_at) > SEND_WITHIN_SECONDS;
            effect = Effect::Done(Err(error));
        }
        None if class == Class::Ambiguous => {
            sent.in_doubt = true;
            if error.upstream_status().is_some_and(|status| status >= 500) {
                is_unknown |= now - *sent.first_5xx_at.get_or_insert(now) >= STICKY_SECONDS;
            }
        }
        None if class == Class::Later => {}
        // A setting is wrong: the bytes stay good until it is mended. Or nothing was sent.
        None => effect = Effect::Done(Err(error)),
    }
    if is_unknown {
        return unknown(v, attempt, sent, since.unwrap_or(now));
    }
    (Purchase { v, attempt, state: State::Sent(sent) }, effect)
}

#[inline(never)]
fn unknown(v: u32, attempt: u32, sent: Sent, since: i64) -> (Purchase, Effect) {
    let effect = Effect::Done(Err(Error::PurchaseUnknown { since }));
    (Purchase { v, attempt, state: State::Unknown { sent, since } }, effect)
}
