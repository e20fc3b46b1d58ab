//! Blinding a token input and finalizing its signature (RFC 9474, RSABSSA-SHA384-PSS-Deterministic).

use core::iter;

use rsa::rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::encoding;
use crate::error::Error;
use crate::issuer_key::IssuerKey;
use crate::pass::TokenInput;
use crate::pss;
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
/// `rng` is asked for the 48 bytes of the salt, then for the blinding factor, lowest byte first, until one is above 0 and below
/// the modulus.
///
/// # Errors
/// [`Error::Internal`] when the token input or the factor has a divisor in common with the modulus: that would be one of the
/// issuer's primes.
pub fn blind<R: CryptoRng + ?Sized>(
    key: &IssuerKey,
    token_input: &TokenInput,
    rng: &mut R,
) -> Result<(BlindedToken, SecretBytes), Error> {
    blind_message(key, token_input.as_bytes(), rng)
}

/// Unblinds a blind signature and verifies it: answers the signature of the token input, as long as the modulus.
///
/// # Errors
/// [`Error::BlindSignature`] when it does not verify. It was billed all the same.
pub fn finalize(
    key: &IssuerKey,
    token_input: &TokenInput,
    inverse: &SecretBytes,
    blind_signature: &[u8],
) -> Result<Vec<u8>, Error> {
    finalize_message(key, token_input.as_bytes(), inverse, blind_signature)
}

/// RFC 9474 section 4.2, over a message of any length. How long it takes depends on the key, and on the message's length: not on
/// what the message or the salt is, nor on r or its inverse.
fn blind_message<R: CryptoRng + ?Sized>(
    key: &IssuerKey,
    message: &[u8],
    rng: &mut R,
) -> Result<(BlindedToken, SecretBytes), Error> {
    let modulus = key.modulus();
    let refused = || Error::Internal("blinding the token input failed");
    // 1. encoded_msg = EMSA-PSS-ENCODE(msg, bit_len(n) - 1), with SHA-384, MGF1 and a salt of 48 bytes
    // 2. If EMSA-PSS-ENCODE raises an error, re-raise it: no modulus of at least 2048 bits is too short
    // 3. m = bytes_to_int(encoded_msg)
    let mut salt = Zeroizing::new([0; pss::HASH_LEN]);
    rng.fill_bytes(&mut *salt);
    let encoded = pss::encode(message, &salt, modulus.bits() - 1).ok_or_else(refused)?;
    let m = modulus.number(&encoded).ok_or_else(refused)?;
    // 6. r = random_integer_uniform(1, n)
    let (m_form, r_form) = (modulus.form(&m), modulus.form(&modulus.random(rng)));
    // 4. c = is_coprime(m, n)
    // 5. If c is false, raise an "invalid input" error
    // 7. inv = inverse_mod(r, n)
    // 8. If inverse_mod fails, raise a "blinding error"
    //
    // All at once: m·r has an inverse when both m and r have one, and m times that is the inverse of r. A flaw in the inversion
    // would end here, and nothing would have been bought.
    let inverse = modulus.inverse(&modulus.times(&m, &r_form)).ok_or_else(refused)?;
    let inverse = modulus.times(&inverse, &m_form);
    if !iter::once(&1).chain(iter::repeat(&0)).zip(&*modulus.times(&inverse, &r_form)).all(|(one, word)| one == word) {
        return Err(refused());
    }
    // 9. x = RSAVP1(pk, r)
    // 10. z = (m * x) mod n
    let z = modulus.times(&m, &modulus.power(&r_form, key.exponent()));
    // 11. blinded_msg = int_to_bytes(z, modulus_len)
    let [blinded, inverse] = [z, inverse].map(|number| modulus.bytes(&number));
    Ok((BlindedToken(blinded), SecretBytes::new(inverse)))
}

/// RFC 9474 section 4.4, over a message of any length.
fn finalize_message(
    key: &IssuerKey,
    message: &[u8],
    inverse: &SecretBytes,
    blind_signature: &[u8],
) -> Result<Vec<u8>, Error> {
    // 1. If len(blind_sig) != modulus_len, raise "unexpected input size"
    // 2. z = bytes_to_int(blind_sig)
    // 3. s = (z * inv) mod n
    // 4. sig = int_to_bytes(s, modulus_len)
    // 5. result = RSASSA-PSS-VERIFY(pk, msg, sig), with SHA-384, MGF1 and a salt of 48 bytes
    // 6. If result = "valid signature", output sig, else raise "invalid signature"
    if blind_signature.len() != key.modulus_len() {
        return Err(Error::BlindSignature);
    }
    let modulus = key.modulus();
    let number = |bytes| modulus.number(bytes).ok_or(Error::BlindSignature);
    let signature = modulus.times(&number(blind_signature)?, &modulus.form(&number(inverse.expose())?));
    let signature = modulus.bytes(&signature);
    if !verifies(key, message, &signature) {
        return Err(Error::BlindSignature);
    }
    Ok(signature)
}

/// RSASSA-PSS-VERIFY, with SHA-384, MGF1 and a salt of 48 bytes. Outside wasm the library has to agree.
fn verifies(key: &IssuerKey, message: &[u8], signature: &[u8]) -> bool {
    #[cfg(not(target_arch = "wasm32"))]
    if !key.suite().verifies(message, signature) {
        return false;
    }
    let modulus = key.modulus();
    let encoded = modulus
        .number(signature)
        .map(|signature| modulus.number_of(&modulus.power(&modulus.form(&signature), key.exponent())));
    encoded.is_some_and(|encoded| pss::verify(message, &modulus.bytes(&encoded), modulus.bits() - 1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::test_support::{test, unhex, Replay};

    #[test]
    fn the_vector_of_rfc_9474_comes_out() {
        let vector: serde_json::Value = serde_json::from_str(include_str!("../tests/vectors/rfc9474.json")).unwrap();
        let bytes = |name: &str| unhex(vector[name].as_str().unwrap());
        let key = IssuerKey::from_base64url(vector["token_key"].as_str().unwrap()).unwrap();
        let r: Vec<u8> = bytes("blinding_factor").into_iter().rev().collect();
        let (blinded, inverse) = blind_message(&key, &bytes("msg"), &mut Replay::new([bytes("salt"), r])).unwrap();
        assert_eq!(blinded.as_bytes(), bytes("blinded_msg"));
        assert_eq!(inverse.expose(), bytes("inv"));
        let signature = finalize_message(&key, &bytes("msg"), &inverse, &bytes("blind_sig"));
        assert_eq!(signature.unwrap(), bytes("sig"));
    }
}
