//! The runner of `wasm-bindgen-test`, pinned by the same lock file, under the name that other tools look for.

#![forbid(unsafe_code)]

fn main() -> anyhow::Result<()> {
    wasm_bindgen_cli::wasm_bindgen_test_runner::run_cli_with_args(std::env::args_os())
}
