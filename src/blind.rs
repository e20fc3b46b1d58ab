//! Blinding a token input and finalizing its signature (RFC 9474, RSABSSA-SHA384-PSS-Deterministic).

use blind_rsa_signatures::{BlindMessage, BlindSignature, BlindingResult, Secret};
use rsa::rand_core::CryptoRng;

use crate::encoding;
use crate::error::Error;
use crate::issuer_key::IssuerKey;
use crate::pass::TokenInput;
use crate::secret::SecretBytes;

/// What the issuer gets to sign: as long as the modulus, and without a trace of what it blinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlindedToken(Vec<u8>);

impl BlindedToken {
    /// Reads what [`to_base64url`](Self::to_base64url) wrote.
    pub fn from_base64url(text: &str) -> Option<Self> {
        encoding::from_base64url(text).ok().map(Self)
    }

    /// As the purchase carries it.
    pub fn to_base64url(&self) -> String {
        encoding::base64url(&self.0)
    }

    /// The bytes, as many as the modulus has.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Blinds a token input: answers what to send and what unblinds the signature later, the inverse of the blinding factor.
///
/// `rng` is asked for the 48 bytes of the salt, then for the blinding factor.
///
/// # Errors
/// [`Error::Internal`] when the token input shares a factor with the modulus, which finds a factor of the issuer's key.
pub fn blind<R: CryptoRng + ?Sized>(
    key: &IssuerKey,
    token_input: &TokenInput,
    rng: &mut R,
) -> Result<(BlindedToken, SecretBytes), Error> {
    let mut result = key
        .suite()
        .blind(rng, token_input.as_bytes())
        .map_err(|_| Error::Internal("blinding the token input failed"))?;
    let blinded = core::mem::take(&mut result.blind_message.0);
    let inverse = core::mem::take(&mut result.secret.0);
    Ok((BlindedToken(blinded), SecretBytes::new(inverse)))
}

/// Unblinds a blind signature and verifies it: answers the signature of the token input, as long as the modulus.
///
/// # Errors
/// [`Error::BlindSignature`] when it does not verify. It was billed all the same.
pub fn finalize(
    key: &IssuerKey,
    token_input: &TokenInput,
    inverse: &SecretBytes,
    blind_signature: Vec<u8>,
) -> Result<Vec<u8>, Error> {
    let mut result = BlindingResult {
        blind_message: BlindMessage(Vec::new()),
        secret: Secret(inverse.expose().to_vec()),
        msg_randomizer: None,
    };
    let signature = key.suite().finalize(&BlindSignature(blind_signature), &result, token_input.as_bytes());
    drop(SecretBytes::new(core::mem::take(&mut result.secret.0)));
    signature.map(|signature| signature.0).map_err(|_| Error::BlindSignature)
}
