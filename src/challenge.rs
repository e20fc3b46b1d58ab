//! The challenge: what the issuer wants a token to be bound to, kept to the letter.

use crate::encoding::from_base64url;
use crate::error::Error;
use crate::issuer_key::{IssuerKey, IssuerKeyError, KeyHash, KeyIdKind};
use crate::json::{self, Object};
use crate::time::from_rfc3339;

/// Why a challenge can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChallengeError {
    /// It is no base64url.
    NotBase64,
    /// It is no JSON object, or a member that is looked at has the wrong type or stands in it twice.
    NotAnObject,
    /// `mac` is missing, empty or no string.
    Mac,
    /// `token_type` is there and is not 2.
    TokenType,
    /// `expires_at` is there and is no RFC 3339 time.
    ExpiresAt,
    /// `expires_at` is past.
    Expired,
    /// `token-key-id` is empty.
    TokenKeyId,
    /// It is so long that the pass, which holds it, could not be spent.
    TooLong,
}

impl ChallengeError {
    /// What is wrong, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotBase64 => "the challenge is no base64url",
            Self::NotAnObject => "the challenge is no JSON object",
            Self::Mac => "the challenge's `mac` is missing, empty or no string",
            Self::TokenType => "the challenge's `token_type` is not 2 (blind RSA)",
            Self::ExpiresAt => "the challenge's `expires_at` is no RFC 3339 time",
            Self::Expired => "the challenge has expired; is this machine's clock right?",
            Self::TokenKeyId => "`token-key-id` is empty",
            Self::TooLong => "the challenge and `token-key-id` have more than 4096 characters",
        }
    }
}

/// A challenge that passed its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    raw: String,
    mac: String,
}

/// A challenge with the key that the pass is to be signed with.
#[derive(Debug, Clone)]
pub struct Offer {
    /// What the token is bound to.
    pub challenge: Challenge,
    /// The key of `token-key`.
    pub issuer_key: IssuerKey,
    /// `token-key` as it came, so that a pass that waits for its signature can be kept as text.
    pub issuer_key_text: String,
    /// The SHA-256 of the key's DER, computed here.
    pub key_hash: KeyHash,
    /// `token-key-id` as it came. See [`key_id_kind`](Self::key_id_kind).
    pub key_id: String,
    /// Whether a `token-key-id` that can't be this key's is taken all the same, in an emergency. `false` as it is read.
    pub permissive: bool,
}

/// Challenge and `token-key-id` as they come, in bytes. The pass holds both, and has to fit into a header.
pub const LONGEST_OFFER: usize = 4096;
/// Clocks may differ by this much.
const CLOCK_SKEW_SECONDS: i64 = 60;

impl Challenge {
    /// Reads `challenge`, base64url of a JSON object, and checks it (docs/protocol.md, "The challenge"). `now` is in Unix
    /// seconds; a clock that is 60 s fast is forgiven.
    ///
    /// # Errors
    /// One [`ChallengeError`] per check.
    pub fn from_base64url(encoded: &str, now: i64) -> Result<Self, ChallengeError> {
        let bytes = from_base64url(encoded).map_err(|_| ChallengeError::NotBase64)?;
        let raw = String::from_utf8(bytes).map_err(|_| ChallengeError::NotAnObject)?;
        Self::from_json(raw.trim_ascii(), now)
    }

    /// As [`from_base64url`](Self::from_base64url), from the decoded text, which is kept as it is.
    ///
    /// # Errors
    /// One [`ChallengeError`] per check.
    pub fn from_json(raw: &str, now: i64) -> Result<Self, ChallengeError> {
        let object = Object::read(raw).ok_or(ChallengeError::NotAnObject)?;
        let member = |name| object.member(name).ok_or(ChallengeError::NotAnObject);
        let (mac, token_type, expires_at) = (member("mac")?, member("token_type")?, member("expires_at")?);
        let mac = text(mac.ok_or(ChallengeError::Mac)?)?.filter(|mac| !mac.is_empty()).ok_or(ChallengeError::Mac)?;
        if token_type.is_some_and(|token_type| token_type != "2") {
            return Err(ChallengeError::TokenType);
        }
        if let Some(expires_at) = expires_at {
            let expires_at = text(expires_at)?.ok_or(ChallengeError::ExpiresAt)?;
            let expires_at = from_rfc3339(&expires_at).ok_or(ChallengeError::ExpiresAt)?;
            if expires_at.saturating_add(CLOCK_SKEW_SECONDS) < now {
                return Err(ChallengeError::Expired);
            }
        }
        Ok(Self { raw: raw.to_owned(), mac })
    }

    /// The JSON object to the letter, unknown members, order and white space included.
    pub fn as_json(&self) -> &str {
        &self.raw
    }

    /// The `mac` member, unescaped.
    pub fn mac(&self) -> &str {
        &self.mac
    }
}

impl Offer {
    /// Reads and checks the three parts that both forms of a challenge have. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`Error::Challenge`], [`Error::IssuerKey`].
    pub fn new(challenge: &str, token_key: &str, key_id: String, now: i64) -> Result<Self, Error> {
        if key_id.is_empty() {
            return Err(ChallengeError::TokenKeyId.into());
        }
        if challenge.len() + key_id.len() > LONGEST_OFFER {
            return Err(ChallengeError::TooLong.into());
        }
        let challenge = Challenge::from_base64url(challenge, now)?;
        let der = from_base64url(token_key).map_err(|_| IssuerKeyError::NotBase64)?;
        let (issuer_key, key_hash) = (IssuerKey::from_der(&der)?, KeyHash::of(&der));
        Ok(Self { challenge, issuer_key, issuer_key_text: token_key.to_owned(), key_hash, key_id, permissive: false })
    }

    /// What `token-key-id` is, next to the key.
    pub fn key_id_kind(&self) -> KeyIdKind {
        self.key_hash.kind_of(&self.key_id)
    }

    /// Refuses a key whose id is another's. [`PendingPass::blind`](crate::pass::PendingPass::blind) does so before a token is
    /// made for it.
    ///
    /// # Errors
    /// [`Error::IssuerKeyMismatch`], unless [`permissive`](Self::permissive).
    pub fn check_key_id(&self) -> Result<(), Error> {
        match self.key_id_kind() {
            KeyIdKind::Mismatch if !self.permissive => Err(Error::IssuerKeyMismatch),
            _ => Ok(()),
        }
    }
}

/// A string's value, `None` when it is something else. Half a surrogate pair is no text, and so not even JSON.
fn text(value: &str) -> Result<Option<String>, ChallengeError> {
    if !value.starts_with('"') {
        return Ok(None);
    }
    json::text(value).map(Some).ok_or(ChallengeError::NotAnObject)
}
