//! The tests of tests/wasm and tests/checks.rs for runners that are told to test in a browser and take only what asks for
//! one, such as `wasm-pack test --headless --chrome`.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);

mod checks;
#[path = "wasm/flow.rs"]
mod flow;
#[path = "wasm/issuer.rs"]
mod issuer;
#[path = "../src/test_support.rs"]
mod test_support;
#[path = "wasm/vectors.rs"]
mod vectors;
