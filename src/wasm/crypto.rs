//! Randomness by WebCrypto.

use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;

/// The runtime's randomness, `crypto.getRandomValues`. A runtime without it traps, which js/guard.js turns into an error.
pub(super) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Fresh random bytes.
pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    use getrandom::rand_core::Rng;
    let mut bytes = [0; N];
    rng().fill_bytes(&mut bytes);
    bytes
}

/// A random number, for jitter.
pub(super) fn random_number() -> u32 {
    u32::from_ne_bytes(random_bytes())
}
