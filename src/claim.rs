//! Claim payloads in the clear (docs/protocol.md, "Claims").

use core::fmt;

use crate::json::{self, Object};

/// Why a claim payload can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimError {
    /// It looks like a ciphertext.
    Encrypted,
    /// It is in the clear, and was to be decrypted.
    NotEncrypted,
    /// It is no JSON object with `claim_type` and `claim_result`.
    Malformed,
    /// `claim_result` is neither `passed` nor `failed`.
    Result,
}

impl ClaimError {
    /// What is wrong, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Encrypted => {
                "claim-payload is encrypted: decrypt it first, with decryptClaim(claimPayload, privateKeyPem)"
            }
            Self::NotEncrypted => "claim-payload is not encrypted: read it with parseClaim(claimPayload)",
            Self::Malformed => "claim-payload is no JSON object with `claim_type` and `claim_result`",
            Self::Result => "claim-payload has a `claim_result` that is neither \"passed\" nor \"failed\"",
        }
    }
}

/// What was claimed and whether it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct Claim {
    /// `claim_type`, as the relay was created with.
    pub claim_type: String,
    /// `claim_result`: `true` for `passed`, `false` for `failed`.
    pub passed: bool,
    /// `methodology`: how it was found out; empty when the payload does not say.
    pub methodology: Vec<Method>,
}

/// One way in which a claim was looked at. Both members are open sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Method {
    /// Such as `facial_age_estimation`.
    pub method: String,
    /// Such as `passed`.
    pub result: String,
}

/// The claim is the person's: it does not show when printed.
impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(…)")
    }
}

impl Claim {
    /// Reads a payload. Members that are not known are passed over.
    ///
    /// # Errors
    /// One [`ClaimError`] per check.
    pub fn parse(payload: &str) -> Result<Self, ClaimError> {
        let payload = payload.trim_ascii();
        if !payload.starts_with('{') {
            let base64 = |byte: u8| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_' | b'\n' | b'\r')
            };
            let encrypted = payload.len() >= 300 && payload.bytes().all(base64);
            return Err(if encrypted { ClaimError::Encrypted } else { ClaimError::Malformed });
        }
        let (claim_type, claim_result, methodology) = members(payload).ok_or(ClaimError::Malformed)?;
        let passed = match claim_result.as_str() {
            "passed" => true,
            "failed" => false,
            _ => return Err(ClaimError::Result),
        };
        Ok(Self { claim_type, passed, methodology })
    }
}

fn members(payload: &str) -> Option<(String, String, Vec<Method>)> {
    let object = Object::read(payload)?;
    let mut methodology = Vec::new();
    for step in object.optional_array("methodology")? {
        let step = Object::read(step)?;
        let text = |name| step.member(name)?.map_or(Some(String::new()), json::text);
        methodology.push(Method { method: text("method")?, result: text("result")? });
    }
    Some((object.text("claim_type")?, object.text("claim_result")?, methodology))
}
