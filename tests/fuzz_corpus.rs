//! What fuzzing starts from, and what it has found worth keeping, goes through the fuzz targets without a panic. The fuzzer
//! itself is `npm run fuzz`.
#![cfg(not(target_arch = "wasm32"))]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../fuzz/src/targets.rs"]
mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

#[test]
fn the_corpus_goes_through_every_target_that_there_is() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut folders: Vec<_> = fs::read_dir(&corpus).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    folders.sort();
    let names: Vec<_> = targets::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(folders, names, "a folder for each target, and a target for each folder");
    for (name, target) in targets::TARGETS {
        let files: Vec<_> = fs::read_dir(corpus.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 3, "{name} starts from {} inputs", files.len());
        for file in &files {
            let input = fs::read(file).unwrap();
            assert!(catch_unwind(|| target(&input)).is_ok(), "{name} fails on {}", file.display());
            // And what is near to it: cut off anywhere, and with each byte changed.
            for at in 0..input.len().min(400) {
                let mut near = input.clone();
                near[at] ^= 1 << (at % 8);
                let cut = &input[..at];
                assert!(
                    catch_unwind(|| (target(cut), target(&near))).is_ok(),
                    "{name} fails near {} at {at}",
                    file.display()
                );
            }
        }
        println!("{name}: {} inputs", files.len());
    }
}
