//! The fuzzer. `RELAY_EDGE_FUZZ_TARGET` says which of the targets it is to drive; scripts/fuzz.mjs sets it.
#![no_main]

mod targets;

use std::sync::OnceLock;

static TARGET: OnceLock<targets::Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: {
    let name = std::env::var("RELAY_EDGE_FUZZ_TARGET").unwrap_or_default();
    let found = targets::TARGETS.iter().find(|(target, _)| *target == name);
    let (_, target) = found.unwrap_or_else(|| panic!("RELAY_EDGE_FUZZ_TARGET={name} is no target"));
    TARGET.get_or_init(|| *target);
}, |data: &[u8]| {
    if let Some(target) = TARGET.get() {
        target(data);
    }
});
