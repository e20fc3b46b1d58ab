//! The targets: each takes any bytes, reads them as what its name says, and checks what must be true of whatever was read.
//! Fuzzed by `npm run fuzz`; tests/fuzz_corpus.rs has the corpus go through them in every `cargo test`.

use relay_edge::api::{self, Response};
use relay_edge::challenge::{Challenge, Offer};
use relay_edge::claim::Claim;
use relay_edge::encoding::{base64_standard, base64url, from_base64_standard, from_base64url, from_pem, pem};
use relay_edge::encryption_key::{private_key_pkcs8, EncryptionKey};
use relay_edge::identifiers::{ClaimType, RelayToken};
use relay_edge::issuer_key::{IssuerKey, KeyHash, KeyIdKind};
use relay_edge::outcome::{retry_after_seconds, Class};
use relay_edge::pass::PendingPass;
use relay_edge::purchase::{self, Purchase};
use relay_edge::redemption::{self, Redemption};
use relay_edge::retry::RetryPolicy;
use relay_edge::secret::{ApiKey, PrivacyPassToken, RelaySecret};
use relay_edge::{hosted_flow, time, www_authenticate, Error};
use serde_json::value::RawValue;

/// Panics when something is not as it must be.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its folder in fuzz/corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("answers", answers),
    ("base64", base64),
    ("challenge", challenge),
    ("claim", claim),
    ("error_bodies", error_bodies),
    ("headers", headers),
    ("identifiers", identifiers),
    ("issuer_key", issuer_key),
    ("key_id", key_id),
    ("pass", pass),
    ("pem", pems),
    ("purchase_record", purchase_record),
    ("redemption_record", redemption_record),
    ("times", times),
    ("www_authenticate", www_authenticate),
];

/// 2026-11-21T04:31:00Z
const NOW: i64 = 1_795_235_460;

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn response(status: u16, body: &[u8]) -> Response {
    Response { status, body: lossy(body), ..Response::default() }
}

/// By its grammar: numbers may be larger than any type.
fn is_json_object(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok_and(|json| json.get().starts_with('{'))
}

fn challenge(bytes: &[u8]) {
    let text = lossy(bytes);
    if let Ok(challenge) = Challenge::from_json(&text, NOW) {
        assert_eq!(challenge.as_json(), text, "kept to the letter");
        assert!(!challenge.mac().is_empty());
        assert!(is_json_object(&text));
        let offered =
            Challenge::from_base64url(&base64url(text.as_bytes()), NOW).map(|offered| offered.mac().to_owned());
        assert_eq!(offered, Ok(challenge.mac().to_owned()));
    }
    drop(Challenge::from_base64url(&text, NOW));
}

fn www_authenticate(bytes: &[u8]) {
    let text = lossy(bytes);
    for challenge in www_authenticate::parse(&text).unwrap_or_default() {
        assert!(!challenge.scheme.is_empty());
        assert!(challenge.token68.is_none() || challenge.params.is_empty());
        for (name, value) in &challenge.params {
            assert_eq!(challenge.param(&name.to_ascii_uppercase()), Some(value.as_ref()), "no name twice");
        }
    }
    if let Ok(offer) = www_authenticate::offer(&[text.clone(), text], NOW) {
        blindable(&offer);
    }
}

/// What may be offered is one of three things, and hangs together.
fn blindable(offer: &Offer) {
    assert!((256..=512).contains(&offer.issuer_key.modulus_len()));
    assert_eq!(IssuerKey::from_base64url(&offer.issuer_key_text).as_ref(), Ok(&offer.issuer_key));
    let der = from_base64url(&offer.issuer_key_text);
    assert_eq!(der.map(|der| KeyHash::of(&der)), Ok(offer.key_hash));
    let refused = offer.check_key_id() == Err(Error::IssuerKeyMismatch);
    assert_eq!(refused, offer.key_id_kind() == KeyIdKind::Mismatch);
}

fn issuer_key(bytes: &[u8]) {
    if let Ok(key) = IssuerKey::from_der(bytes) {
        assert!((256..=512).contains(&key.modulus_len()));
        assert_eq!(IssuerKey::from_base64url(&base64url(bytes)), Ok(key));
    }
}

/// Against the SHA-256 of the rest of the bytes after the first line.
fn key_id(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
    let (id, der) = (lossy(parts.next().unwrap_or_default()), parts.next().unwrap_or_default());
    let hash = KeyHash::of(der);
    let hex = hash.to_hex();
    let raw: Vec<u8> = hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(&lossy(pair), 16).unwrap_or(0)).collect();
    let right = [hex.clone(), hex.to_ascii_uppercase(), base64url(&raw), base64url(&raw) + "="];
    assert_eq!(hash.kind_of(&id) == KeyIdKind::Sha256, right.contains(&id), "{id:?}");
    assert!(right.iter().all(|id| hash.kind_of(id) == KeyIdKind::Sha256));
}

fn pass(bytes: &[u8]) {
    let text = lossy(bytes);
    drop(PrivacyPassToken::parse(text.as_str()));
    // What travels is base64url; a fuzzer would never get past it.
    for text in [base64url(bytes), text] {
        let Ok(pending) = PendingPass::from_text(&text) else { continue };
        let again = PendingPass::from_text(&pending.to_text()).expect("what was written is read");
        assert_eq!((again.to_text(), again.key_id()), (pending.to_text(), pending.key_id()));
        assert_eq!(pending.blinded_token().as_bytes().len(), pending.modulus_len());
        assert!(pending.finalize(&vec![0; pending.modulus_len()]).is_err());
    }
}

fn claim(bytes: &[u8]) {
    if let Ok(claim) = Claim::parse(&lossy(bytes)) {
        assert_eq!(claim, Claim::parse(&lossy(bytes)).expect("read before"));
    }
}

fn base64(bytes: &[u8]) {
    let text = lossy(bytes);
    if let Ok(read) = from_base64url(&text) {
        assert_eq!(base64url(&read), text.trim_end_matches('='), "every value has one spelling");
    }
    if let Ok(read) = from_base64_standard(&text) {
        assert_eq!(base64_standard(&read).trim_end_matches('='), text.trim_end_matches('='));
    }
    assert_eq!(from_base64url(&base64url(bytes)).as_deref(), Ok(bytes));
    assert_eq!(from_base64_standard(&base64_standard(bytes)).as_deref(), Ok(bytes));
}

fn pems(bytes: &[u8]) {
    let text = lossy(bytes);
    if let Ok(key) = EncryptionKey::parse(text.as_str()) {
        assert_eq!(key.as_pem(), text);
    }
    drop(private_key_pkcs8(&text));
    // As DER too, past the armour.
    drop((EncryptionKey::parse(pem("PUBLIC KEY", bytes)), private_key_pkcs8(&pem("RSA PRIVATE KEY", bytes))));
    assert_eq!(from_pem(&pem("X", bytes), "X").as_deref(), Some(bytes));
}

fn times(bytes: &[u8]) {
    let text = lossy(bytes);
    // From the year 0 to the year 9999, and a day for the offset.
    let range = -62_167_305_600..=253_402_387_200;
    assert!(time::from_rfc3339(&text).is_none_or(|at| range.contains(&at)));
    assert!(time::from_http_date(&text).is_none_or(|at| range.contains(&at)));
}

fn headers(bytes: &[u8]) {
    let text = lossy(bytes);
    for status in [429, 503] {
        let response =
            Response { retry_after: Some(text.clone()), rate_limit_reset: Some(text.clone()), ..response(status, b"") };
        let asked = retry_after_seconds(&response, NOW);
        let wait_ms = RetryPolicy::default().wait_ms(Class::Later, 1, asked, 0, u32::MAX);
        assert!(wait_ms.is_none_or(|wait_ms| wait_ms <= 30_000), "nobody is made to wait for long");
    }
    if let Ok(url) = hosted_flow::url(&text, Some("auto")) {
        assert!(url.ends_with(&format!("={text}&theme=auto")));
        assert_eq!(url.matches('&').count(), 1, "no parameter is added");
    }
}

fn identifiers(bytes: &[u8]) {
    let text = lossy(bytes);
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    assert!(RelayToken::parse(text.as_str()).is_err() || plain(&text), "it becomes a part of a path");
    let visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let header = [ApiKey::parse(text.as_str()).is_ok(), RelaySecret::parse(text.as_str()).is_ok()];
    assert!(!header.contains(&true) || visible(&text), "it becomes a header");
    drop(ClaimType::parse(text.as_str()));
}

/// The body of an answer that is well, or, for a challenge, a 401's header.
fn answers(bytes: &[u8]) {
    let ok = response(200, bytes);
    drop((api::create_answer(&ok, NOW), api::redeem_answer(&ok, NOW)));
    assert!(
        api::purchase_answer(&ok, 3, NOW).is_ok_and(|signature| signature.len() == 3)
            != api::purchase_answer(&ok, 3, NOW).is_err()
    );
    if let Ok(offer) = api::challenge_by_claim_type_answer(&ok, NOW) {
        blindable(&offer);
    }
    let unauthorized = Response { www_authenticate: vec![lossy(bytes)], ..response(401, b"") };
    drop(api::challenge_by_relay_answer(&unauthorized, NOW));
}

fn error_bodies(bytes: &[u8]) {
    for status in [0, 302, 400, 401, 403, 404, 409, 422, 425, 429, 500, 503, 999] {
        let refused = response(status, bytes);
        for error in [
            api::create_answer(&refused, NOW).err(),
            api::challenge_by_claim_type_answer(&refused, NOW).err(),
            api::purchase_answer(&refused, 256, NOW).err(),
            api::redeem_answer(&refused, NOW).err(),
        ] {
            let error = error.expect("no such status is a success");
            assert_eq!(error.upstream_status(), Some(status));
            assert_ne!(error.class(), Class::Success);
            let Error::Upstream(upstream) = &error else { unreachable!() };
            assert!(upstream.meta.as_deref().is_none_or(is_json_object));
            drop((error.to_string(), error.code().to_owned()));
        }
    }
}

fn purchase_record(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Purchase>(bytes) else { return };
    let written = serde_json::to_string(&record).expect("a record is text");
    assert!(serde_json::from_str::<Purchase>(&written).is_ok_and(|again| again == record));
    drop((record.describe(), format!("{record:?}")));
    for event in [
        purchase::Event::Called { now: NOW },
        purchase::Event::Again { now: NOW },
        purchase::Event::AllowedAgain { attempt: record.attempt },
        purchase::Event::Answered { attempt: record.attempt, answer: Err(Error::Timeout), now: NOW },
    ] {
        // At the ends of their range numbers are not what was ever written.
        if record.attempt < u32::MAX && record.unsettled_since().is_none_or(|since| since.abs() < 1 << 40) {
            let (next, effect) = purchase::advance(record.clone(), event);
            let sends = matches!(effect, purchase::Effect::Send(_));
            assert!(!sends || next.unsettled_since().is_some(), "what is sent is in the record");
        }
    }
}

fn redemption_record(bytes: &[u8]) {
    let Ok(record) = serde_json::from_slice::<Redemption>(bytes) else { return };
    let written = serde_json::to_string(&record).expect("a record is text");
    assert!(serde_json::from_str::<Redemption>(&written).is_ok_and(|again| again == record));
    drop((record.describe(), format!("{record:?}"), record.may_change_pass()));
    for event in [redemption::Event::Called { now: NOW }, redemption::Event::Again { now: NOW }] {
        if record.unsettled_since().is_none_or(|since| since.abs() < 1 << 40) {
            drop(redemption::advance(record.clone(), event));
        }
    }
}
