//! Blinding a token input and finalizing its signature (RFC 9474, RSABSSA-SHA384-PSS-Deterministic).

use blind_rsa_signatures::Signature;
use rsa::rand_core::CryptoRng;
use rsa::traits::PublicKeyParts;
use rsa::BoxedUint;

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
/// `rng` is asked for the 48 bytes of the salt, then for the blinding factor, lowest byte first, until one is below the
/// modulus.
///
/// # Errors
/// [`Error::Internal`] when the token input shares a factor with the modulus, which finds a factor of the issuer's key.
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

/// RFC 9474 section 4.2, over a message of any length.
fn blind_message<R: CryptoRng + ?Sized>(
    key: &IssuerKey,
    message: &[u8],
    rng: &mut R,
) -> Result<(BlindedToken, SecretBytes), Error> {
    // 1. encoded_msg = EMSA-PSS-ENCODE(msg, bit_len(n) - 1), with SHA-384, MGF1 and a salt of 48 bytes
    // 2. If EMSA-PSS-ENCODE raises an error, re-raise it: no modulus of at least 2048 bits is too short
    // 3. m = bytes_to_int(encoded_msg)
    // 4. c = is_coprime(m, n), and "invalid input" if it is not
    // 5. r = random_integer_uniform(1, n)
    // 6. inv = inverse_mod(r, n), with another r when there is none
    // 7. x = RSAVP1(pk, r)
    // 8. z = (m * x) mod n
    // 9. blinded_msg = int_to_bytes(z, modulus_len)
    let mut result = key.suite().blind(rng, message).map_err(|_| Error::Internal("blinding the token input failed"))?;
    let inverse = SecretBytes::new(core::mem::take(&mut result.secret.0));
    let [blinded, inverse] = [&result.blind_message.0, inverse.expose()].map(|number| last(number, key.modulus_len()));
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
    let (suite, modulus_len) = (key.suite(), key.modulus_len());
    if blind_signature.len() != modulus_len {
        return Err(Error::BlindSignature);
    }
    let n = suite.as_ref().n();
    let number = |bytes| BoxedUint::from_be_slice(bytes, n.bits_precision()).map_err(|_| Error::BlindSignature);
    let unblinded = number(blind_signature)?.mul_mod(&number(inverse.expose())?, n);
    let signature = Signature(last(&unblinded.to_be_bytes(), modulus_len));
    suite.verify(&signature, None, message).map_err(|_| Error::BlindSignature)?;
    Ok(signature.0)
}

/// The arithmetic pads numbers to whole limbs; what travels is as long as the modulus.
fn last(number: &[u8], len: usize) -> Vec<u8> {
    number.get(number.len().saturating_sub(len)..).unwrap_or_default().to_vec()
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
