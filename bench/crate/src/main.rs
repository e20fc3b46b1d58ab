//! The native contender: takes commands on standard input, one in a line, and answers each with a line. Bytes are in hex.
//!
//! ```text
//! load KEY SPKI MESSAGE              ok
//! steps SPKI MESSAGE SIGNATURE       ok
//! blinded KEY                        blinds: the blinded message
//! finalized KEY SIGNATURE            finalizes what was blinded: the signature
//! blind KEY TIMES                    how many nanoseconds it took
//! finalize KEY TIMES                 the same, over what was finalized
//! step NAME TIMES                    the same
//! ```

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{stdin, stdout, BufRead, Write};
use std::time::Instant;

use blind_rsa_signatures::{BlindSignature, BlindingResult};
use relay_edge_bench::steps::Steps;
use relay_edge_bench::{blind, finalize, read_key, Key};

struct Loaded {
    key: Key,
    message: Vec<u8>,
    blinded: Option<BlindingResult>,
    signature: Option<BlindSignature>,
}

impl Loaded {
    fn finalize(&self) -> Vec<u8> {
        let (blinded, signature) = (self.blinded.as_ref(), self.signature.as_ref());
        finalize(&self.key, &self.message, signature.expect("it was signed"), blinded.expect("it was blinded"))
    }
}

fn main() {
    let mut all = HashMap::new();
    let mut steps = None;
    for line in stdin().lock().lines() {
        let line = line.expect("standard input can be read");
        let words: Vec<_> = line.split(' ').collect();
        let mut loaded = words.get(1).and_then(|key| all.get_mut(*key));
        let answer = match (&words[..], &mut loaded) {
            (["load", key, spki, message], _) => {
                let (key, loaded) = (key.to_string(), read_key(&unhex(spki)));
                all.insert(key, Loaded { key: loaded, message: unhex(message), blinded: None, signature: None });
                "ok".to_owned()
            }
            (["blinded", _], Some(on)) => hex(&on.blinded.insert(blind(&on.key, &on.message)).blind_message.0),
            (["finalized", _, signature], Some(on)) => {
                on.signature = Some(BlindSignature(unhex(signature)));
                hex(&on.finalize())
            }
            (["blind", _, times], Some(on)) => timed(times, || drop(black_box(blind(&on.key, &on.message)))),
            (["finalize", _, times], Some(on)) => timed(times, || drop(black_box(on.finalize()))),
            (["steps", spki, message, signature], _) => {
                steps = Some(Steps::new(&unhex(spki), &unhex(message), &unhex(signature)));
                "ok".to_owned()
            }
            (["step", name, times], _) => {
                let steps = steps.as_ref().expect("the steps are loaded");
                timed(times, || steps.run(name, 1))
            }
            _ => panic!("no such command: {line}"),
        };
        println!("{answer}");
        stdout().flush().expect("standard output can be written");
    }
}

fn timed(times: &str, mut work: impl FnMut()) -> String {
    let times: u32 = times.parse().expect("a number");
    let start = Instant::now();
    for _ in 0..times {
        work();
    }
    start.elapsed().as_nanos().to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).expect("hex")).collect()
}
