//! What is durable of a redemption.

use core::fmt;

use super::VERSION;
use crate::json::{number, serde_as_text, text, Object, Writer};
use crate::purchase::Description;
use crate::refusal::Refusal;

/// What is durable of a redemption. Secret: it holds the pass, then the claim.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Redemption {
    /// The version of this layout. Another one is not read.
    pub v: u32,
    /// The pass that is bound to the relay, as it travels.
    pub pass: String,
    /// Where it stands.
    pub state: State,
}

/// Where a redemption stands.
#[derive(Clone, PartialEq, Eq, Hash)]
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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
    /// When they were last, or a doubt came up, in Unix seconds.
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

serde_as_text!(Redemption);

impl Redemption {
    /// The record as a store keeps it: JSON. Members are not left out, so that a record that lost one is not read.
    pub fn to_text(&self) -> String {
        let claim = |name, claim_payload: &str, at| {
            let claim = Writer::new().text("claim_payload", claim_payload).number("at", at).end();
            Writer::new().json(name, &claim).end()
        };
        let state = match &self.state {
            State::Ready => "\"ready\"".into(),
            State::Sent(sent) => Writer::new().json("sent", &sent.to_text()).end(),
            State::Redeemed { claim_payload, at } => claim("redeemed", claim_payload, *at),
            State::Refunded { claim_payload, at } => claim("refunded", claim_payload, *at),
            State::Rejected { refusal, attempt } => {
                let rejected = Writer::new().json("refusal", &refusal.to_text()).number("attempt", (*attempt).into());
                Writer::new().json("rejected", &rejected.end()).end()
            }
            State::Lost { since } => Writer::new().json("lost", &Writer::new().number("since", *since).end()).end(),
        };
        Writer::new().number("v", self.v.into()).text("pass", &self.pass).json("state", &state).end()
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` when it is anything else, of another version for one.
    pub fn from_text(text: &str) -> Option<Self> {
        let record = Object::read(text)?;
        let v = record.count("v").filter(|v| *v == VERSION)?;
        Some(Self { v, pass: record.text("pass")?, state: State::read(record.member("state")??)? })
    }
}

impl State {
    fn read(value: &str) -> Option<Self> {
        if value.starts_with('"') {
            return (text(value)? == "ready").then_some(Self::Ready);
        }
        let state = Object::read(value)?;
        let (name, value) = state.only()?;
        let state = Object::read(value)?;
        let claim = || Some((state.text("claim_payload")?, state.number("at")?));
        Some(match name {
            "sent" => Self::Sent(Sent::read(&state)?),
            "redeemed" => claim().map(|(claim_payload, at)| Self::Redeemed { claim_payload, at })?,
            "refunded" => claim().map(|(claim_payload, at)| Self::Refunded { claim_payload, at })?,
            "rejected" => {
                Self::Rejected { refusal: Refusal::read(&state.object("refusal")?)?, attempt: state.count("attempt")? }
            }
            "lost" => Self::Lost { since: state.number("since")? },
            _ => return None,
        })
    }
}

impl Sent {
    fn to_text(&self) -> String {
        let text = Writer::new().number("attempt", self.attempt.into()).flag("in_flight", self.in_flight);
        let text = text.counts("in_doubt", &self.in_doubt).optional_number("first_5xx_at", self.first_5xx_at);
        let text = text.flag("next_attempt", self.next_attempt).counts("asking", &self.asking);
        let text = text.number("rounds", self.rounds.into()).number("round_at", self.round_at);
        text.number("first_sent_at", self.first_sent_at).end()
    }

    fn read(object: &Object<'_>) -> Option<Self> {
        let counts = |name| -> Option<Vec<u32>> {
            object.array(name)?.into_iter().map(|value| u32::try_from(number(value)?).ok()).collect()
        };
        Some(Self {
            attempt: object.count("attempt")?,
            in_flight: object.flag("in_flight")?,
            in_doubt: counts("in_doubt")?,
            first_5xx_at: object.optional_number("first_5xx_at")?,
            next_attempt: object.flag("next_attempt")?,
            asking: counts("asking")?,
            rounds: object.count("rounds")?,
            round_at: object.number("round_at")?,
            first_sent_at: object.number("first_sent_at")?,
        })
    }
}
