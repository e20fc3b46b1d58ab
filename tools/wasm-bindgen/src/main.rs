//! wasm-bindgen as one small program, so that `Cargo.lock` beside it pins the version that must agree with the
//! library's `wasm-bindgen` dependency, and nothing has to be installed by hand.
//!
//! ```text
//! relay-edge-wasm-bindgen bindgen INPUT.wasm OUT_DIR NAME     JavaScript glue and the final module
//! ```
//!
//! With the feature `test-runner` there is a second program, `wasm-bindgen-test-runner`.

#![forbid(unsafe_code)]

use std::env;
use std::process::ExitCode;

use anyhow::{bail, Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = env::args().skip(1);
    match args.next().as_deref() {
        Some("bindgen") => {
            let input = args.next().context("INPUT.wasm is missing")?;
            let out_dir = args.next().context("OUT_DIR is missing")?;
            let name = args.next().context("NAME is missing")?;
            bindgen(&input, &out_dir, &name)
        }
        Some(other) => bail!("unknown command `{other}`"),
        None => bail!("expected a command: bindgen INPUT.wasm OUT_DIR NAME"),
    }
}

/// Writes `NAME.js` and `NAME_bg.wasm` into `out_dir`.
///
/// The `web` target is the only one built: its module is the same for all targets, and the hand-written entries
/// in `js/` hand it to `initSync` in the way of each runtime. So the default path to the module, which makes
/// bundlers copy it, is left out, and the types are written by hand.
fn bindgen(input: &str, out_dir: &str, name: &str) -> Result<()> {
    Bindgen::new()
        .input_path(input)
        .web(true)?
        .out_name(name)
        .typescript(false)
        .omit_default_module_path(true)
        // A trap leaves the instance poisoned; this makes the function that replaces it by a fresh one.
        .reset_state_function(true)
        .remove_name_section(false)
        .remove_producers_section(true)
        .generate(out_dir)
}
