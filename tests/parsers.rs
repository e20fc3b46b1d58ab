//! Every parser takes random and mutated inputs without a panic: 10 million in all, or as many as
//! `RELAY_EDGE_PARSER_INPUTS` says. The seed is printed; `RELAY_EDGE_PARSER_SEED` repeats a run.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use relay_edge::api::{self, Response};
use relay_edge::challenge::Challenge;
use relay_edge::claim::Claim;
use relay_edge::encoding::{base64url, from_base64_standard, from_base64url, from_pem, pem};
use relay_edge::encryption_key::{private_key_pkcs8, EncryptionKey};
use relay_edge::issuer_key::IssuerKey;
use relay_edge::outcome::retry_after_seconds;
use relay_edge::pass::PendingPass;
use relay_edge::secret::PrivacyPassToken;
use relay_edge::{hosted_flow, time, www_authenticate};

/// A parser under test, how big a share of the inputs it gets, and inputs to start from.
struct Target {
    name: &'static str,
    share: u64,
    seeds: Vec<Vec<u8>>,
    parse: fn(&[u8]),
}

const NOW: i64 = 1_795_235_460;
const CHALLENGE: &str = r#"{"token_type":2,"issuer_name":"i","origin_info":"o","expires_at":"2999-01-01T00:00:00.5+01:00","mac":"m\u00e9","x":[{},null,1e9]}"#;

fn targets() -> Vec<Target> {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors/passes.json")).unwrap();
    let text = |at: usize, name: &str| vectors[at][name].as_str().unwrap().to_owned();
    let keys = [text(0, "token_key"), text(1, "token_key"), text(4, "token_key")];
    let der: Vec<Vec<u8>> = keys.iter().map(|key| from_base64url(key).unwrap()).collect();
    let challenge = text(0, "challenge");
    let header = format!(
        r#"Basic realm="a\"b", PrivateToken challenge="{challenge}", token-key={}, token-key-id = "k\\" , Negotiate YQ=="#,
        keys[0]
    );
    let answer = format!(r#"{{"challenge":"{challenge}","token-key":"{}","token-key-id":"k"}}"#, keys[0]);
    let kept = serde_json::json!({
        "v": 1, "challenge": CHALLENGE, "token_key": keys[0], "key_id": "k", "nonce": "0".repeat(64),
        "inverse": base64url(&[7; 256]), "blinded_token": base64url(&[9; 256]),
    });
    let all = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    vec![
        Target {
            name: "www_authenticate::parse",
            share: 25,
            seeds: all(&[&header, "A,B c=d,, e=\"f\"", "Token68 YWJj==", "X a=b, c = \"\\d\""]),
            parse: |b| drop(www_authenticate::parse(&lossy(b))),
        },
        Target {
            name: "www_authenticate::offer",
            share: 5,
            seeds: all(&[&header]),
            parse: |b| drop(www_authenticate::offer(&[lossy(b)], NOW)),
        },
        Target {
            name: "Challenge::from_json",
            share: 15,
            seeds: all(&[CHALLENGE, "{}", "[]"]),
            parse: |b| drop(Challenge::from_json(&lossy(b), NOW)),
        },
        Target {
            name: "Challenge::from_base64url",
            share: 5,
            seeds: all(&[&challenge]),
            parse: |b| drop(Challenge::from_base64url(&lossy(b), NOW)),
        },
        Target { name: "IssuerKey::from_der", share: 15, seeds: der.clone(), parse: |b| drop(IssuerKey::from_der(b)) },
        Target {
            name: "api answers",
            share: 5,
            seeds: all(&[
                &answer,
                r#"{"errors":[{"title":"t","details":"d","code":"c","meta":{"a":[1]}}]}"#,
                r#"{"claim-payload":"{}","token-consumed":true}"#,
                r#"{"relay-token":"relay_a","relay-secret":"s","relay-session-access-token":"j"}"#,
                r#"{"blind-sig":"AAAA"}"#,
            ]),
            parse: answers,
        },
        Target {
            name: "Claim::parse",
            share: 5,
            seeds: all(&[
                r#"{"claim_type":"a","claim_result":"passed","methodology":[{"method":"m","result":"failed"}]}"#,
            ]),
            parse: |b| drop(Claim::parse(&lossy(b))),
        },
        Target {
            name: "PendingPass::from_text",
            share: 4,
            seeds: vec![kept.to_string().into_bytes()],
            parse: |b| drop(PendingPass::from_text(&base64url(b))),
        },
        Target {
            name: "base64",
            share: 6,
            seeds: all(&["_-8=", "AAECAwQ", "+/8="]),
            parse: |b| {
                drop((from_base64url(&lossy(b)), from_base64_standard(&lossy(b)), PrivacyPassToken::parse(lossy(b))))
            },
        },
        Target {
            name: "PEM keys",
            share: 5,
            seeds: vec![pem("PUBLIC KEY", &der[0]).into_bytes(), pem("RSA PRIVATE KEY", &der[0]).into_bytes()],
            parse: |b| drop((EncryptionKey::parse(lossy(b)), private_key_pkcs8(&lossy(b)), from_pem(&lossy(b), "X"))),
        },
        Target {
            name: "times",
            share: 8,
            seeds: all(&["2026-11-21T04:31:00.5+01:00", "Sat, 21 Nov 2026 04:31:00 GMT"]),
            parse: |b| _ = (time::from_rfc3339(&lossy(b)), time::from_http_date(&lossy(b))),
        },
        Target {
            name: "headers and URLs",
            share: 2,
            seeds: all(&["120", "Sat, 21 Nov 2026 04:31:00 GMT", "a.b.c"]),
            parse: |b| {
                drop((
                    hosted_flow::url(&lossy(b), Some(&lossy(b))),
                    retry_after_seconds(&response(429, &lossy(b)), NOW),
                ))
            },
        },
    ]
}

fn answers(bytes: &[u8]) {
    let response = response(if bytes.len().is_multiple_of(7) { 422 } else { 200 }, &lossy(bytes));
    drop((
        api::create_answer(&response, NOW),
        api::challenge_by_claim_type_answer(&response, NOW),
        api::purchase_answer(&response, 3, NOW),
        api::redeem_answer(&response, NOW),
    ));
}

fn response(status: u16, text: &str) -> Response {
    Response {
        status,
        retry_after: Some(text.into()),
        rate_limit_reset: Some(text.into()),
        body: text.into(),
        ..Response::default()
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// splitmix64: small, good enough to mutate with, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

/// One input: a seed with up to eight changes, or, one time in sixteen, noise.
fn input(random: &mut Random, seeds: &[Vec<u8>], buffer: &mut Vec<u8>) {
    const TOKENS: &[&[u8]] = &[
        b"\"",
        b"\\",
        b",",
        b"=",
        b" ",
        b"{",
        b"}",
        b"[",
        b":",
        b"null",
        b"-1",
        b"\\u0000",
        b"\xf0\x9f\x98\x80",
        b"\xff",
        b"\0",
        b"\x30\x82",
        b"==",
        b"PrivateToken ",
    ];
    buffer.clear();
    if random.next().is_multiple_of(16) {
        let len = random.below(64);
        buffer.extend((0..len).map(|_| random.next() as u8));
        return;
    }
    buffer.extend_from_slice(&seeds[random.below(seeds.len())]);
    for _ in 0..=random.below(8) {
        let (at, to) = (random.below(buffer.len() + 1), random.below(buffer.len() + 1));
        let (from, until) = (at.min(to), at.max(to));
        match random.next() % 7 {
            0 if at < buffer.len() => buffer[at] ^= 1 << random.below(8),
            1 if at < buffer.len() => buffer[at] = random.next() as u8,
            2 => drop(buffer.drain(from..until.min(from + 16))),
            3 => buffer.truncate(at),
            4 => drop(buffer.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            5 if buffer.len() < 8192 => {
                let copy = buffer[from..until.min(from + 64)].to_vec();
                drop(buffer.splice(at..at, copy));
            }
            _ if at < buffer.len() => buffer[at] = b"09azAZ\"\\,= \t/+-_"[random.below(16)],
            _ => buffer.push(random.next() as u8),
        }
    }
}

#[test]
fn ten_million_inputs_and_no_panic() {
    let number =
        |name: &str, default| std::env::var(name).map_or(default, |text| text.replace('_', "").parse().unwrap());
    let (total, seed) = (number("RELAY_EDGE_PARSER_INPUTS", 10_000_000), number("RELAY_EDGE_PARSER_SEED", 20_261_121));
    println!("{total} inputs, RELAY_EDGE_PARSER_SEED={seed}");
    let targets = targets();
    let shares: u64 = targets.iter().map(|target| target.share).sum();
    let threads: Vec<_> = targets
        .into_iter()
        .enumerate()
        .map(|(at, target)| {
            std::thread::spawn(move || {
                let (mut random, mut buffer) = (Random(seed ^ ((at as u64) << 32)), Vec::new());
                // The unchanged seeds first: what no input gets past would not be tested.
                target.seeds.iter().for_each(|seed| (target.parse)(seed));
                for _ in 0..(total * target.share).div_ceil(shares) {
                    input(&mut random, &target.seeds, &mut buffer);
                    let parse = std::panic::AssertUnwindSafe(|| (target.parse)(&buffer));
                    if std::panic::catch_unwind(parse).is_err() {
                        panic!("{} panicked on {:?}", target.name, lossy(&buffer));
                    }
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
