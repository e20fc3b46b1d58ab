//! The core in WebAssembly: here in Node, in ../wasm_browser.rs in a browser.
//!
//! A test binary that forces nothing runs in Node, or wherever the runner's `WASM_BINDGEN_USE_…` says: `npm test -- wasm`
//! runs this one, tests/checks.rs and the tests inside of src/ in both.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod flow;
mod issuer;
#[path = "../../src/test_support.rs"]
mod test_support;
mod vectors;
