//! The issuer's public key, checked before anything is computed with it.

#[cfg(not(target_arch = "wasm32"))]
mod suite;

use core::cell::RefCell;
use std::sync::Arc;

use blind_rsa_signatures::reexports::hmac_sha256::Hash as Sha256;

use crate::der::{RsaInfo, RSASSA_PSS, RSA_ENCRYPTION};
use crate::encoding::{from_base64url, hex};
use crate::modulus::Modulus;

/// Why an issuer key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuerKeyError {
    /// `token-key` is no base64url.
    NotBase64,
    /// It is no DER SubjectPublicKeyInfo of an RSA key, or bytes follow it.
    NotRsa,
    /// The modulus has fewer than 2048 or more than 4096 bits.
    ModulusBits {
        /// How many it has.
        found: usize,
    },
    /// The modulus is even.
    EvenModulus,
    /// The exponent is even, under 3 or over 2^33.
    Exponent,
}

impl IssuerKeyError {
    /// What is wrong, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotBase64 => "`token-key` is no base64url",
            Self::NotRsa => "`token-key` is no DER SubjectPublicKeyInfo of an RSA key",
            Self::ModulusBits { .. } => "the modulus must have 2048 to 4096 bits",
            Self::EvenModulus => "the modulus is even",
            Self::Exponent => "the exponent is even, under 3 or over 2^33",
        }
    }
}

/// What `token-key-id` is, next to the key that came with it. An issuer that gives each platform a key of its own under an
/// id that they all have in common would be found out by whoever computes the id again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyIdKind {
    /// The SHA-256 of the DER: 64 hexadecimal digits of one case, or base64url.
    Sha256,
    /// No form that a SHA-256 has. It says nothing about the key.
    Opaque,
    /// A SHA-256 by its form, and not the key's; or the key's with digits of both cases, which could carry a mark.
    Mismatch,
}

impl KeyIdKind {
    /// As the JavaScript API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Opaque => "opaque",
            Self::Mismatch => "mismatch",
        }
    }
}

// [assumed] This is also what `token-key-id` says.
/// The SHA-256 of an issuer key's DER SubjectPublicKeyInfo, as it was offered. It stands for the key: the same modulus in
/// another encoding is another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Hashes the DER.
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::hash(der))
    }

    /// 64 lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// What an id says of this key.
    pub fn kind_of(&self, key_id: &str) -> KeyIdKind {
        let digits = key_id.len() == 64 && key_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if digits {
            let lower = self.to_hex();
            return if key_id == lower || key_id == lower.to_ascii_uppercase() {
                KeyIdKind::Sha256
            } else {
                KeyIdKind::Mismatch
            };
        }
        match from_base64url(key_id) {
            Ok(bytes) if bytes == self.0 => KeyIdKind::Sha256,
            Ok(bytes) if bytes.len() == self.0.len() => KeyIdKind::Mismatch,
            _ => KeyIdKind::Opaque,
        }
    }
}

/// An RSA public key that passed its checks. A clone shares what was computed for the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKey(Arc<Parsed>);

#[derive(Debug, PartialEq, Eq)]
struct Parsed {
    #[cfg(not(target_arch = "wasm32"))]
    suite: suite::Suite,
    exponent: u64,
    modulus: Modulus,
}

impl IssuerKey {
    /// Reads `token-key`: base64url of the DER.
    ///
    /// # Errors
    /// One [`IssuerKeyError`] per check. So for both readers.
    pub fn from_base64url(encoded: &str) -> Result<Self, IssuerKeyError> {
        Self::from_der(&from_base64url(encoded).map_err(|_| IssuerKeyError::NotBase64)?)
    }

    /// Reads a DER SubjectPublicKeyInfo whose algorithm is rsaEncryption or RSASSA-PSS (RFC 9578 section 6.5). The size is
    /// checked before any arithmetic.
    ///
    /// The last few keys of a thread are kept: an issuer has one at a time, which blinding reads and finalizing again.
    ///
    /// # Errors
    /// As above.
    pub fn from_der(der: &[u8]) -> Result<Self, IssuerKeyError> {
        let known = KNOWN
            .try_with(|known| known.borrow().iter().find(|(known, _)| **known == *der).map(|(_, key)| key.clone()));
        if let Ok(Some(key)) = known {
            return Ok(key);
        }
        let key = Self::parse(der)?;
        // A thread that is about to end keeps nothing.
        let _ = KNOWN.try_with(|known| {
            let mut known = known.borrow_mut();
            known.truncate(KEPT - 1);
            known.insert(0, (der.into(), key.clone()));
        });
        Ok(key)
    }

    fn parse(der: &[u8]) -> Result<Self, IssuerKeyError> {
        let known = |info: &RsaInfo<'_>| [RSA_ENCRYPTION, RSASSA_PSS].contains(&info.algorithm);
        let info = RsaInfo::read(der).filter(known).ok_or(IssuerKeyError::NotRsa)?;
        let (modulus, exponent) = (info.modulus, info.exponent);
        let bits = bit_length(modulus);
        if !(2048..=4096).contains(&bits) {
            return Err(IssuerKeyError::ModulusBits { found: bits });
        }
        if modulus.last().is_none_or(|last| last % 2 == 0) {
            return Err(IssuerKeyError::EvenModulus);
        }
        let odd = exponent.last().is_some_and(|last| last % 2 == 1);
        if !odd || exponent == [1] || bit_length(exponent) > 33 {
            return Err(IssuerKeyError::Exponent);
        }
        let exponent = exponent.iter().fold(0, |exponent, byte| exponent << 8 | u64::from(*byte));
        Ok(Self(Arc::new(Parsed {
            #[cfg(not(target_arch = "wasm32"))]
            suite: suite::Suite::new(modulus, bits, exponent).ok_or(IssuerKeyError::NotRsa)?,
            exponent,
            modulus: Modulus::new(modulus),
        })))
    }

    /// The modulus's length in bytes, 256 to 512: that of every blinded token and signature under this key.
    pub fn modulus_len(&self) -> usize {
        self.0.modulus.len()
    }

    /// What verifies under this key.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn suite(&self) -> &suite::Suite {
        &self.0.suite
    }

    /// For arithmetic modulo the modulus.
    pub(crate) fn modulus(&self) -> &Modulus {
        &self.0.modulus
    }

    /// The public exponent: odd, from 3 to 2^33.
    pub(crate) fn exponent(&self) -> u64 {
        self.0.exponent
    }
}

/// How many keys are kept: of production and of the sandbox, before and after a rotation. With 4096 bits each takes 3 kB.
const KEPT: usize = 4;

thread_local! {
    /// The latest keys and their DER. They are public, and so is whether one of them was read before.
    static KNOWN: RefCell<Vec<(Box<[u8]>, IssuerKey)>> = const { RefCell::new(Vec::new()) };
}

/// The size of an rsaEncryption key, in bits; `None` when it is something else.
pub(crate) fn rsa_modulus_bits(der: &[u8]) -> Option<usize> {
    RsaInfo::read(der).filter(|info| info.algorithm == RSA_ENCRYPTION).map(|info| bit_length(info.modulus))
}

/// Bits without leading zeros; DER integers have no leading zero bytes.
fn bit_length(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn the_latest_keys_are_kept_and_no_more() {
        fn can_be_sent<T: Send + Sync>(key: T) -> T {
            key
        }
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../tests/vectors/passes.json")).unwrap();
        let texts: Vec<&str> = vectors.as_array().unwrap().iter().map(|v| v["token_key"].as_str().unwrap()).collect();
        let kept = || KNOWN.with_borrow(Vec::len);
        let shared = |text: &str, key: &IssuerKey| Arc::ptr_eq(&IssuerKey::from_base64url(text).unwrap().0, &key.0);
        KNOWN.with_borrow_mut(Vec::clear);
        let first = can_be_sent(IssuerKey::from_base64url(texts[0]).unwrap());
        assert!(shared(texts[0], &first) && kept() == 1);
        assert!(IssuerKey::from_der(b"").is_err() && kept() == 1, "what is no key is not kept");
        let mut different: Vec<&str> = texts.iter().copied().filter(|text| *text != texts[0]).collect();
        different.dedup();
        for text in &different[..KEPT - 1] {
            let key = IssuerKey::from_base64url(text).unwrap();
            assert!(key != first && shared(text, &key) && shared(texts[0], &first));
        }
        let last = IssuerKey::from_base64url(different[KEPT - 1]).unwrap();
        assert!(kept() == KEPT && shared(different[KEPT - 1], &last) && !shared(texts[0], &first));
        assert_eq!(IssuerKey::from_base64url(texts[0]).unwrap(), first, "read again, it is the same key");
    }
}
