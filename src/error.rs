//! The one error type: whose fault it is, a stable code, and a text that names the mend and no secret.

mod text;

use crate::challenge::ChallengeError;
use crate::claim::ClaimError;
use crate::issuer_key::IssuerKeyError;
use crate::outcome::{Call, Class};
use crate::www_authenticate::HeaderError;

/// Everything that can go wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u32)]
pub enum Error {
    /// A parameter is missing or malformed.
    Parameter {
        /// Its name on the wire, such as `relay-token`.
        field: &'static str,
        /// What is wrong and how to mend it, to be read after the name.
        problem: &'static str,
    },
    /// What should be one object with parameters is none.
    NoParameters,
    /// A purchase was asked for without an API key.
    ApiKeyMissing,
    /// The claim payload can't be read.
    Claim(ClaimError),
    /// No key in the text, or not one that opens claims.
    PrivateKey,
    /// The private key does not open the claim payload.
    ClaimDecryption,
    /// The text is no pending pass, or was changed.
    PendingPass,
    /// The upstream answered, and it was not what the call is for.
    Upstream(Box<UpstreamError>),
    /// The upstream answered 2xx with a body that is not the call's answer.
    AnswerInvalid {
        /// Which call.
        call: Call,
        /// What is wrong with the answer, never the answer.
        problem: &'static str,
    },
    /// The 401 carried no `WWW-Authenticate: PrivateToken` that can be used.
    Header(HeaderError),
    /// The challenge fails a check.
    Challenge(ChallengeError),
    /// The issuer key fails a check.
    IssuerKey(IssuerKeyError),
    /// `token-key-id` has the form of a SHA-256 and is not that of the issuer key.
    IssuerKeyMismatch,
    /// The purchase was answered, and billed, but the signature does not verify under the issuer key.
    BlindSignature,
    /// Nobody can tell whether a purchase was billed, and it is not bought again by itself.
    PurchaseUnknown {
        /// Since when, in Unix seconds.
        since: i64,
    },
    /// An operator allowed to buy again what needs no leave.
    PurchaseNotInDoubt,
    /// The pass was spent, and the upstream gives the claim to no key of ours.
    ClaimLost {
        /// Since when, in Unix seconds.
        since: i64,
    },
    /// No answer: the connection failed, or broke before the answer was read to its end.
    Transport,
    /// No answer in time.
    Timeout,
    /// The store of a purchase or redemption could not be read or written.
    StoreFailed,
    /// What the store holds is no record of ours.
    RecordInvalid,
    /// A fault in this library.
    Internal(&'static str),
}

/// What the upstream said when it refused (docs/protocol.md, "Errors").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamError {
    /// Which call.
    pub call: Call,
    /// The HTTP status.
    pub status: u16,
    /// What the status means on this call.
    pub class: Class,
    /// The first error's `title`.
    pub title: Option<String>,
    /// The first error's `details`.
    pub details: Option<String>,
    /// The first error's `code`.
    pub code: Option<String>,
    /// The first error's `meta`, as the JSON text it came as.
    pub meta: Option<String>,
    /// The `Request-Id` header.
    pub request_id: Option<String>,
    /// Seconds to wait before another try.
    pub retry_after_seconds: Option<u64>,
}

/// Whose fault an error is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Who calls us.
    Caller,
    /// Whom we call.
    Upstream,
    /// What lies between.
    Transport,
    /// Us.
    Internal,
}

impl Origin {
    /// The origin as the JavaScript API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Upstream => "upstream",
            Self::Transport => "transport",
            Self::Internal => "internal",
        }
    }
}

impl Error {
    /// The stable code; see the table in `docs/integrating.md`. The upstream's own, where it gave one.
    pub fn code(&self) -> &str {
        match self {
            Self::Parameter { .. } | Self::NoParameters => "parameter_invalid",
            Self::ApiKeyMissing => "api_key_missing",
            Self::Claim(_) => "claim_invalid",
            Self::PrivateKey => "private_key_invalid",
            Self::ClaimDecryption => "claim_decryption_failed",
            Self::PendingPass => "pending_pass_invalid",
            Self::Upstream(error) => error.code.as_deref().unwrap_or_else(|| error.class_code()),
            Self::AnswerInvalid { .. } => "upstream_answer_invalid",
            Self::Header(_) => "challenge_invalid",
            Self::Challenge(ChallengeError::Expired) => "challenge_expired",
            Self::Challenge(_) => "challenge_invalid",
            Self::IssuerKey(_) => "issuer_key_invalid",
            Self::IssuerKeyMismatch => "issuer_key_mismatch",
            Self::BlindSignature => "blind_signature_invalid",
            Self::PurchaseUnknown { .. } => "purchase_unknown",
            Self::PurchaseNotInDoubt => "purchase_not_in_doubt",
            Self::ClaimLost { .. } => "claim_lost",
            Self::Transport => "transport_failed",
            Self::Timeout => "timeout",
            Self::StoreFailed => "store_failed",
            Self::RecordInvalid => "record_invalid",
            Self::Internal(_) => "internal",
        }
    }

    /// The HTTP status that says it best: the upstream's own, or as docs/protocol.md has it.
    pub fn status(&self) -> u16 {
        match self {
            Self::Parameter { .. }
            | Self::NoParameters
            | Self::Claim(_)
            | Self::PrivateKey
            | Self::ClaimDecryption
            | Self::PendingPass => 400,
            Self::ApiKeyMissing => 401,
            // A browser hides the status of a redirect that it was told not to follow.
            Self::Upstream(error) if error.status == 0 => 502,
            Self::Upstream(error) => error.status,
            Self::AnswerInvalid { .. }
            | Self::Header(_)
            | Self::Challenge(_)
            | Self::IssuerKey(_)
            | Self::IssuerKeyMismatch
            | Self::BlindSignature
            | Self::PurchaseUnknown { .. }
            | Self::Transport => 502,
            Self::PurchaseNotInDoubt => 409,
            Self::ClaimLost { .. } => 410,
            Self::Timeout => 504,
            Self::StoreFailed => 503,
            Self::RecordInvalid | Self::Internal(_) => 500,
        }
    }

    /// Whose fault it is.
    pub fn origin(&self) -> Origin {
        match self {
            Self::Parameter { .. }
            | Self::NoParameters
            | Self::ApiKeyMissing
            | Self::Claim(_)
            | Self::PrivateKey
            | Self::ClaimDecryption
            | Self::PendingPass
            | Self::PurchaseNotInDoubt => Origin::Caller,
            Self::Upstream(_)
            | Self::AnswerInvalid { .. }
            | Self::Header(_)
            | Self::Challenge(_)
            | Self::IssuerKey(_)
            | Self::IssuerKeyMismatch
            | Self::BlindSignature
            | Self::PurchaseUnknown { .. }
            | Self::ClaimLost { .. } => Origin::Upstream,
            Self::Transport | Self::Timeout => Origin::Transport,
            Self::StoreFailed | Self::RecordInvalid | Self::Internal(_) => Origin::Internal,
        }
    }

    /// What a retry of the same request may do. A challenge or key that fails its checks would fail them again.
    pub fn class(&self) -> Class {
        match self {
            Self::Upstream(error) => error.class,
            Self::AnswerInvalid { .. } | Self::Transport | Self::Timeout => Class::Ambiguous,
            _ => Class::Rejected,
        }
    }

    /// The HTTP status that the upstream answered, when it did.
    pub fn upstream_status(&self) -> Option<u16> {
        match self {
            Self::Upstream(error) => Some(error.status),
            _ => None,
        }
    }

    /// Seconds to wait before another try, when the upstream said so.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Upstream(error) => error.retry_after_seconds,
            _ => None,
        }
    }

    /// The parameter that is wrong, by its name on the wire.
    pub fn field(&self) -> Option<&'static str> {
        match self {
            Self::Parameter { field, .. } => Some(field),
            Self::Claim(_) | Self::ClaimDecryption => Some("claim-payload"),
            Self::PrivateKey => Some("private-key-pem"),
            Self::PendingPass => Some("pending-pass"),
            _ => None,
        }
    }
}

impl UpstreamError {
    /// Our code for what the status means, for answers that have none of their own.
    fn class_code(&self) -> &'static str {
        match (self.class, self.status) {
            (Class::NotReady, _) => "claim_not_ready",
            (Class::Conflict, _) => "pass_already_spent",
            (Class::Configuration, 0 | 300..=399) => "upstream_redirected",
            (Class::Configuration, _) => "upstream_unauthorized",
            (Class::Later, _) => "upstream_rate_limited",
            (Class::Ambiguous, _) => "upstream_unavailable",
            (_, 404) => "upstream_not_found",
            (_, 409) => "upstream_conflict",
            _ => "upstream_rejected",
        }
    }
}

impl std::error::Error for Error {}

impl From<ChallengeError> for Error {
    fn from(error: ChallengeError) -> Self {
        Self::Challenge(error)
    }
}

impl From<HeaderError> for Error {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<IssuerKeyError> for Error {
    fn from(error: IssuerKeyError) -> Self {
        Self::IssuerKey(error)
    }
}

impl From<ClaimError> for Error {
    fn from(error: ClaimError) -> Self {
        Self::Claim(error)
    }
}
