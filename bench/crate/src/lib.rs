//! blind-rsa-signatures 0.18.0 as it is, and the steps that it and the package consist of, each alone.

pub mod steps;
// The package's own.
#[allow(dead_code)]
#[path = "../../../src/inverse.rs"]
mod inverse;
#[allow(dead_code)]
#[path = "../../../src/modulus.rs"]
mod modulus;
#[allow(dead_code)]
#[path = "../../../src/pss.rs"]
mod pss;
#[cfg(target_arch = "wasm32")]
mod wasm;

use blind_rsa_signatures::{BlindSignature, BlindingResult, Deterministic, PublicKey, Sha384, PSS};
use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;

/// The suite of a pass.
pub type Key = PublicKey<Sha384, PSS, Deterministic>;

/// Reads a DER SubjectPublicKeyInfo (rsaEncryption).
pub fn read_key(spki: &[u8]) -> Key {
    Key::from_der(spki).expect("a key that the bench made")
}

/// Blinds a message. The randomness is the system's, as in the library.
pub fn blind(key: &Key, message: &[u8]) -> BlindingResult {
    key.blind(&mut UnwrapErr(SysRng), message).expect("a message that can be blinded")
}

/// Unblinds and verifies.
pub fn finalize(key: &Key, message: &[u8], blind_signature: &BlindSignature, blinded: &BlindingResult) -> Vec<u8> {
    key.finalize(blind_signature, blinded, message).expect("a signature that verifies").0
}
