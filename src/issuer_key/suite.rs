//! The key as `blind-rsa-signatures` has it. Outside wasm that library has to find good what we blind, unblind and verify with
//! arithmetic of our own. The module would be a fifth larger for it (docs/benchmarks.md, "What was tried").

use blind_rsa_signatures::reexports::hmac_sha512::sha384::Hash;
use blind_rsa_signatures::{Deterministic, PublicKey, Sha384, PSS};
use rsa::{BoxedUint, Pss, RsaPublicKey};

/// The suite of RFC 9474 that a pass is signed with: RSABSSA-SHA384-PSS with a 48-byte salt and the *identity*
/// preparation. The token input is blinded as it is; the pass has no place for a random prefix.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suite(PublicKey<Sha384, PSS, Deterministic>);

impl Suite {
    /// `None` when the library refuses the key.
    pub(super) fn new(modulus: &[u8], bits: usize, exponent: u64) -> Option<Self> {
        let modulus = BoxedUint::from_be_slice(modulus, bits as u32).ok()?;
        Some(Self(PublicKey::new(RsaPublicKey::new(modulus, exponent.into()).ok()?)))
    }

    /// RSASSA-PSS-VERIFY.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let scheme = Pss::<Hash>::new_with_salt(48);
        self.0.as_ref().verify(scheme, &Hash::hash(message), signature).is_ok()
    }
}
