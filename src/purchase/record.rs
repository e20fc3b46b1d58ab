//! What is durable of a purchase.

use core::fmt;

use serde::Serialize;

use super::{REPEATABLE_SECONDS, SEND_WITHIN_SECONDS, VERSION};
use crate::json::{serde_as_text, text, Object, Writer};
use crate::refusal::Refusal;

/// What is durable of a purchase. Secret: it holds what links the pass with its purchase.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Purchase {
    /// The version of this layout. Another one is not read.
    pub v: u32,
    /// How many passes may have been billed before this one, each with an operator's or a refusal's leave: it is part of the
    /// idempotency key.
    pub attempt: u32,
    /// Where it stands.
    pub state: State,
}

/// Where a purchase stands.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum State {
    /// Nothing has left.
    None,
    /// The request may have left. Its bytes and key are here, and no other may leave.
    Sent(Sent),
    /// The verified pass. What links it with its purchase is gone.
    Issued {
        /// The pass, as it travels.
        pass: String,
        /// Unix seconds.
        issued_at: i64,
    },
    /// It did not happen and will not.
    Rejected {
        /// What the upstream said.
        refusal: Refusal,
    },
    /// Nobody can tell whether it was billed. The same bytes are still sent when somebody calls, while the upstream
    /// remembers their key; other bytes only when an operator allows it.
    Unknown {
        /// As it was sent.
        sent: Sent,
        /// Unix seconds.
        since: i64,
    },
    /// Billed, but the signature does not verify. Never bought again by itself.
    Unusable {
        /// Unix seconds.
        since: i64,
    },
}

/// A request that may have left, to the byte.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Sent {
    /// [`PendingPass::to_text`](crate::pass::PendingPass::to_text): challenge, issuer key, nonce, blinding secret, blinded token.
    pub pending_pass: String,
    /// The idempotency key, as it travels.
    pub idempotency_key: String,
    /// When it was first made durable, in Unix seconds.
    pub first_sent_at: i64,
    /// How many sends have no answer yet, as far as anybody knows: under way, or of drivers that are no more.
    pub in_flight: u32,
    /// Whether some send ended so that nobody knows what came of it.
    pub in_doubt: bool,
    /// When the upstream first answered 5xx, in Unix seconds.
    pub first_5xx_at: Option<i64>,
}

/// What may be seen of it: no secret.
impl fmt::Debug for Purchase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe().fmt(f)
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sent(…)")
    }
}

impl Default for Purchase {
    fn default() -> Self {
        Self { v: VERSION, attempt: 0, state: State::None }
    }
}

impl Purchase {
    /// When an alarm should call again by itself, so that what was billed while nobody waited is fetched; in Unix seconds.
    pub fn unsettled_since(&self) -> Option<i64> {
        match &self.state {
            State::Sent(sent) | State::Unknown { sent, .. } => Some(sent.first_sent_at),
            _ => None,
        }
    }
}

/// What an operator may see of a purchase: no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    /// The state's name.
    pub state: &'static str,
    /// See [`Purchase::attempt`].
    pub attempt: u32,
    /// When the state began, or the first send was made durable, in Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<i64>,
    /// Whether a send may have been executed of which nobody knows what came.
    pub in_doubt: bool,
    /// Whether an alarm should call again by itself.
    pub unsettled: bool,
    /// What the upstream refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
}

impl Purchase {
    /// Tells where it stands.
    pub fn describe(&self) -> Description {
        let (state, since, in_doubt) = match &self.state {
            State::None => ("none", None, false),
            State::Sent(sent) => ("sent", Some(sent.first_sent_at), sent.may_be_billed()),
            State::Issued { issued_at, .. } => ("issued", Some(*issued_at), false),
            State::Rejected { .. } => ("rejected", None, false),
            State::Unknown { since, .. } => ("unknown", Some(*since), true),
            State::Unusable { since } => ("unusable", Some(*since), false),
        };
        let refusal = match &self.state {
            State::Rejected { refusal } => Some(refusal.clone()),
            _ => None,
        };
        Description {
            state,
            attempt: self.attempt,
            since,
            in_doubt,
            unsettled: self.unsettled_since().is_some(),
            refusal,
        }
    }
}

serde_as_text!(Purchase);

impl Purchase {
    /// The record as a store keeps it: JSON. Members are not left out, so that a record that lost one is not read; but `sends`, which
    /// earlier versions did not know.
    pub fn to_text(&self) -> String {
        let state = match &self.state {
            State::None => "\"none\"".into(),
            State::Sent(sent) => Writer::new().json("sent", &sent.to_text()).end(),
            State::Issued { pass, issued_at } => {
                let issued = Writer::new().text("pass", pass).number("issued_at", *issued_at).end();
                Writer::new().json("issued", &issued).end()
            }
            State::Rejected { refusal } => {
                let rejected = Writer::new().json("refusal", &refusal.to_text()).end();
                Writer::new().json("rejected", &rejected).end()
            }
            State::Unknown { sent, since } => {
                let unknown = Writer::new().json("sent", &sent.to_text()).number("since", *since).end();
                Writer::new().json("unknown", &unknown).end()
            }
            State::Unusable { since } => {
                Writer::new().json("unusable", &Writer::new().number("since", *since).end()).end()
            }
        };
        let text = Writer::new().number("v", self.v.into()).number("attempt", self.attempt.into());
        text.json("state", &state).end()
    }

    /// Reads what [`to_text`](Self::to_text) wrote; `None` when it is anything else, of another version for one.
    pub fn from_text(text: &str) -> Option<Self> {
        let record = Object::read(text)?;
        let v = record.count("v").filter(|v| *v == VERSION)?;
        Some(Self { v, attempt: record.count("attempt")?, state: State::read(record.member("state")??)? })
    }
}

impl State {
    fn read(value: &str) -> Option<Self> {
        if value.starts_with('"') {
            return (text(value)? == "none").then_some(Self::None);
        }
        let state = Object::read(value)?;
        let (name, value) = state.only()?;
        let state = Object::read(value)?;
        Some(match name {
            "sent" => Self::Sent(Sent::read(&state)?),
            "issued" => Self::Issued { pass: state.text("pass")?, issued_at: state.number("issued_at")? },
            "rejected" => Self::Rejected { refusal: Refusal::read(&state.object("refusal")?)? },
            "unknown" => Self::Unknown { sent: Sent::read(&state.object("sent")?)?, since: state.number("since")? },
            "unusable" => Self::Unusable { since: state.number("since")? },
            _ => return None,
        })
    }
}

impl Sent {
    /// Whether some send may have been executed.
    pub(super) fn may_be_billed(&self) -> bool {
        self.in_doubt || self.in_flight > 0
    }

    /// Counts one more send, if the upstream still remembers the key. A first send in the future was by a clock that was
    /// wrong: nobody knows when it was, then, nor will when the clock has caught up.
    pub(super) fn sends_again(&mut self, now: i64) -> bool {
        if now < self.first_sent_at.saturating_sub(SEND_WITHIN_SECONDS) {
            self.first_sent_at = now.saturating_sub(REPEATABLE_SECONDS);
        }
        let remembered = now.saturating_sub(self.first_sent_at) < REPEATABLE_SECONDS;
        self.in_flight = self.in_flight.saturating_add(remembered.into());
        remembered
    }

    fn to_text(&self) -> String {
        let text = Writer::new().text("pending_pass", &self.pending_pass);
        let text = text.text("idempotency_key", &self.idempotency_key).number("first_sent_at", self.first_sent_at);
        let text = text.flag("in_flight", self.in_flight > 0).flag("in_doubt", self.in_doubt);
        text.optional_number("first_5xx_at", self.first_5xx_at).number("sends", self.in_flight.into()).end()
    }

    fn read(object: &Object<'_>) -> Option<Self> {
        // Versions before this one wrote no count. They go by the flag, which is written for them.
        let in_flight = object.flag("in_flight")?.into();
        let sends = object.optional_number("sends")?;
        Some(Self {
            pending_pass: object.text("pending_pass")?,
            idempotency_key: object.text("idempotency_key")?,
            first_sent_at: object.number("first_sent_at")?,
            in_flight: sends.map_or(Some(in_flight), |sends| u32::try_from(sends).ok())?,
            in_doubt: object.flag("in_doubt")?,
            first_5xx_at: object.optional_number("first_5xx_at")?,
        })
    }
}
