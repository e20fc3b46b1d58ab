//! What errors say: no secret, and where there is one, the mend.

use core::fmt;

use super::{Error, UpstreamError};

impl Error {
    /// A short sentence: the upstream's own, where it gave one.
    pub fn title(&self) -> &str {
        match self {
            Self::Parameter { .. } | Self::NoParameters => "A parameter is missing or malformed",
            Self::ApiKeyMissing => "Buying a pass needs an API key",
            Self::Claim(_) => "The claim payload can't be read",
            Self::PrivateKey => "The private key can't be read",
            Self::ClaimDecryption => "The private key does not open the claim payload",
            Self::PendingPass => "The pending pass can't be read",
            Self::Upstream(error) => error.title.as_deref().unwrap_or_else(|| error.class_title()),
            Self::AnswerInvalid { .. } => "The upstream's answer can't be read",
            Self::Header(_) | Self::Challenge(_) => "The upstream's challenge can't be used",
            Self::IssuerKey(_) => "The upstream's issuer key can't be used",
            Self::IssuerKeyMismatch => "The upstream's issuer key is not the one that its id names",
            Self::BlindSignature => "The upstream's blind signature does not verify",
            Self::PurchaseUnknown { .. } => "Nobody can tell whether the pass was billed",
            Self::PurchaseNotInDoubt => "No purchase is in doubt",
            Self::ClaimLost { .. } => "The pass was spent and its claim is lost",
            Self::Transport => "No answer from the upstream",
            Self::Timeout => "No answer from the upstream in time",
            Self::StoreFailed => "The store can't be used",
            Self::RecordInvalid => "What the store holds can't be read",
            Self::Internal(_) => "A fault in relay-edge",
        }
    }

    /// More words: what is wrong, and how to mend it.
    pub fn details(&self) -> Option<String> {
        Some(match self {
            Self::Parameter { field, problem } => [field, " ", problem].concat(),
            Self::NoParameters => "the parameters must be one object".into(),
            Self::ApiKeyMissing => "pass `apiKey` to `new Persona({ apiKey })`".into(),
            Self::Claim(error) => error.as_str().into(),
            Self::PrivateKey => {
                "private-key-pem must be an RSA private key in PEM, PKCS#8 (BEGIN PRIVATE KEY) or PKCS#1 (BEGIN RSA PRIVATE KEY), not encrypted".into()
            }
            Self::ClaimDecryption => "claim-payload was encrypted to another `encryption-key-pem`, or was changed".into(),
            Self::PendingPass => "pending-pass must be the `pendingPass` of blindPrivacyPass, unchanged".into(),
            Self::Upstream(error) => return error.details.clone(),
            Self::AnswerInvalid { call, problem } => [call.as_str(), ": ", problem].concat(),
            Self::Header(error) => error.as_str().into(),
            Self::Challenge(error) => error.as_str().into(),
            Self::IssuerKey(error) => error.as_str().into(),
            Self::IssuerKeyMismatch => "token-key-id is not the SHA-256 of token-key, so others may know another key under it; nothing was bought. Try again later, and ask the vendor; only in an emergency take it with permissiveIssuerKeys (the gateway: PERMISSIVE_ISSUER_KEYS)".into(),
            Self::BlindSignature => "the pass was billed and can't be used; do not buy again before asking the vendor, with the request id".into(),
            Self::PurchaseUnknown { .. } => "it is not bought again by itself; an operator can find out from the vendor and allow it".into(),
            Self::PurchaseNotInDoubt => "there is nothing to allow, and nothing to go on with: a new call buys a pass".into(),
            Self::ClaimLost { .. } => "the upstream says that the pass is spent and gives the claim to none of the keys it was sent under".into(),
            Self::StoreFailed => "nothing is lost: call again, and it goes on from what is durable".into(),
            Self::RecordInvalid => "nothing was sent: the record is of another version, or was changed".into(),
            Self::Transport | Self::Timeout => return None,
            Self::Internal(what) => [*what, "; the next call works. Please report it"].concat(),
        })
    }
}

impl UpstreamError {
    fn class_title(&self) -> &'static str {
        match self.class_code() {
            "claim_not_ready" => "The verification has not completed",
            "pass_already_spent" => "The pass was spent before",
            "upstream_redirected" => "The upstream redirected, which is never followed",
            "upstream_unauthorized" => "The upstream did not accept the credentials of the call",
            "upstream_rate_limited" => "Too many requests",
            "upstream_unavailable" => "The upstream is not available",
            "upstream_not_found" => "No such relay, or the relay secret is wrong",
            _ => "The upstream refused the request",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())?;
        if let Some(details) = self.details() {
            f.write_str(": ")?;
            f.write_str(&details)?;
        }
        Ok(())
    }
}
