//! What is durable of a redemption.

use core::fmt;

use serde::{Deserialize, Serialize};

use super::VERSION;
use crate::purchase::Description;
use crate::refusal::Refusal;

/// What is durable of a redemption. Secret: it holds the pass, then the claim.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Redemption {
    /// The version of this layout. Another one is not read.
    #[serde(deserialize_with = "crate::purchase::this_version")]
    pub v: u32,
    /// The pass that is bound to the relay, as it travels.
    pub pass: String,
    /// Where it stands.
    pub state: State,
}

/// Where a redemption stands.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Nothing has left.
    Ready,
    /// Sends may have left.
    Sent(Sent),
    /// Spent, and here is what for.
    Redeemed {
        /// The claim payload.
        claim_payload: String,
        /// Unix seconds.
        at: i64,
    },
    /// The claim did not pass, and the pass was handed back. It is not spent elsewhere by itself: that would show the
    /// upstream one pass on two relays.
    Refunded {
        /// The claim payload.
        claim_payload: String,
        /// Unix seconds.
        at: i64,
    },
    /// It did not happen. An explicit new call makes a new attempt, with this pass or another.
    Rejected {
        /// What the upstream said.
        refusal: Refusal,
        /// The attempt that was refused.
        attempt: u32,
    },
    /// The pass is spent, and no key of ours gets the claim.
    Lost {
        /// Unix seconds.
        since: i64,
    },
}

/// Sends that may have left.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sent {
    /// The attempt that is being made: part of the idempotency key.
    pub attempt: u32,
    /// Whether a send is under way, as far as anybody knows.
    pub in_flight: bool,
    /// The attempts of which a send had an outcome that nobody knows: the pass may be spent under their keys.
    pub in_doubt: Vec<u32>,
    /// When the upstream first answered 5xx under this attempt's key, in Unix seconds.
    pub first_5xx_at: Option<i64>,
    /// Whether the next call makes a new attempt.
    pub next_attempt: bool,
    /// The attempts in doubt that are still to be asked, after a refusal; the last is being asked.
    pub asking: Vec<u32>,
    /// How often all of them have been asked in vain.
    pub rounds: u32,
    /// When they were last, in Unix seconds.
    pub round_at: i64,
    /// When the first send was made durable, in Unix seconds.
    pub first_sent_at: i64,
}

/// What may be seen of it: no secret.
impl fmt::Debug for Redemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe().fmt(f)
    }
}

impl Redemption {
    /// A redemption of which nothing has left.
    pub fn new(pass: String) -> Self {
        Self { v: VERSION, pass, state: State::Ready }
    }

    /// Since when something is in doubt, in Unix seconds, so that an alarm calls again by itself.
    pub fn unsettled_since(&self) -> Option<i64> {
        match &self.state {
            State::Sent(sent) if sent.in_flight || !sent.in_doubt.is_empty() => Some(sent.first_sent_at),
            _ => None,
        }
    }

    /// Whether another pass may take this one's place: nothing can come of this one any more, or yet.
    pub fn may_change_pass(&self) -> bool {
        match &self.state {
            State::Ready | State::Rejected { .. } => true,
            State::Sent(sent) => !sent.in_flight && sent.in_doubt.is_empty(),
            _ => false,
        }
    }
}

impl Redemption {
    /// Tells where it stands, without a secret.
    pub fn describe(&self) -> Description {
        let (state, since, attempt) = match &self.state {
            State::Ready => ("ready", None, 0),
            State::Sent(sent) => ("sent", Some(sent.first_sent_at), sent.attempt),
            State::Redeemed { at, .. } => ("redeemed", Some(*at), 0),
            State::Refunded { at, .. } => ("refunded", Some(*at), 0),
            State::Rejected { attempt, .. } => ("rejected", None, *attempt),
            State::Lost { since } => ("lost", Some(*since), 0),
        };
        let refusal = match &self.state {
            State::Rejected { refusal, .. } => Some(refusal.clone()),
            _ => None,
        };
        let unsettled = self.unsettled_since().is_some();
        Description { state, attempt, since, in_doubt: unsettled, unsettled, refusal }
    }
}
