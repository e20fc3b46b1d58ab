//! What tests share, those in here and those of tests/wasm.
#![allow(clippy::unwrap_used, clippy::panic)]

/// The attribute `#[test]`: natively the compiler's, in wasm the one whose tests run in Node and in browsers.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use core::prelude::v1::test;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::VecDeque;

use rsa::rand_core::{TryCryptoRng, TryRng};

/// "Randomness" that was drawn before: each request has to ask for exactly the next piece.
pub(crate) struct Replay(VecDeque<Vec<u8>>);

impl Replay {
    pub(crate) fn new(pieces: impl IntoIterator<Item = Vec<u8>>) -> Self {
        Self(pieces.into_iter().collect())
    }
}

impl TryRng for Replay {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        panic!("the core asks for bytes only")
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        panic!("the core asks for bytes only")
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.copy_from_slice(&self.0.pop_front().unwrap());
        Ok(())
    }
}

impl TryCryptoRng for Replay {}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}
