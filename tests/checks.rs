//! What a challenge, an issuer key, an encryption key and a claim must be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use blind_rsa_signatures::DefaultRng;
use relay_edge::challenge::{Challenge, ChallengeError, Offer};
use relay_edge::claim::{Claim, ClaimError, Method};
use relay_edge::encoding::{base64url, from_base64url, pem};
use relay_edge::encryption_key::EncryptionKey;
use relay_edge::issuer_key::KeyIdKind::{Mismatch, Opaque, Sha256};
use relay_edge::issuer_key::{IssuerKey, IssuerKeyError};
use relay_edge::pass::PendingPass;
use relay_edge::Error;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

/// 2026-11-21T04:31:00Z
const NOW: i64 = 1_795_235_460;

#[test]
fn a_challenge_is_kept_to_the_letter() {
    let json = "{ \"zzz\":[1e400,{\"a\":null}],\n\"mac\":\"m\\u00e9 é\", \"token_type\" : 2,\"expires_at\":\"2026-11-21T04:31:00Z\" }";
    let challenge = Challenge::from_base64url(&base64url(json.as_bytes()), NOW).unwrap();
    assert_eq!((challenge.as_json(), challenge.mac()), (json, "mé é"));
    assert_eq!(Challenge::from_json("{\"mac\":\"m\"}", NOW).unwrap().mac(), "m");
}

#[test]
fn every_check_of_a_challenge_refuses() {
    use ChallengeError::*;
    let at =
        |expires_at: &str| Challenge::from_json(&format!("{{\"mac\":\"m\",\"expires_at\":{expires_at}}}"), NOW).err();
    assert_eq!(at("\"2026-11-21T04:30:00Z\""), None, "60 s of clock skew are forgiven");
    assert_eq!(at("\"2026-11-21T04:29:59Z\""), Some(Expired));
    assert_eq!(at("\"2026-11-21T05:29:59+01:00\""), Some(Expired));
    for bad in ["\"soon\"", "1795235460", "null", "\"\""] {
        assert_eq!(at(bad), Some(ExpiresAt), "{bad}");
    }
    for (json, error) in [
        ("", NotAnObject),
        ("[]", NotAnObject),
        ("[\"m\",2]", NotAnObject),
        ("\"m\"", NotAnObject),
        ("{\"mac\":\"m\"", NotAnObject),
        ("{\"mac\":\"m\"}x", NotAnObject),
        ("{\"mac\":\"m\",\"mac\":\"n\"}", NotAnObject),
        ("{\"mac\":\"\\ud800\"}", NotAnObject),
        ("{}", Mac),
        ("{\"mac\":\"\"}", Mac),
        ("{\"mac\":null}", Mac),
        ("{\"mac\":1}", Mac),
        ("{\"mac\":{}}", Mac),
        ("{\"mac\":\"m\",\"token_type\":1}", TokenType),
        ("{\"mac\":\"m\",\"token_type\":\"2\"}", TokenType),
        ("{\"mac\":\"m\",\"token_type\":null}", TokenType),
        ("{\"mac\":\"m\",\"token_type\":2.5}", TokenType),
        ("{\"mac\":\"m\",\"token_type\":-2}", TokenType),
    ] {
        assert_eq!(Challenge::from_json(json, NOW).err(), Some(error), "{json}");
    }
    assert_eq!(Challenge::from_base64url("e30+", NOW).err(), Some(NotBase64));
    assert_eq!(Challenge::from_base64url(&base64url(&[0xff]), NOW).err(), Some(NotAnObject));
}

/// A DER element.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let head = match len {
        0..=127 => vec![tag, len as u8],
        128..=255 => vec![tag, 0x81, len as u8],
        _ => vec![tag, 0x82, (len >> 8) as u8, len as u8],
    };
    [head, content.to_vec()].concat()
}

const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const PSS_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];

fn spki(oid: &[u8], modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let integer = |bytes: &[u8]| {
        let padded =
            if bytes.first().is_some_and(|first| first & 0x80 != 0) { [&[0], bytes].concat() } else { bytes.to_vec() };
        der(2, &padded)
    };
    let key = der(0x30, &[integer(modulus), integer(exponent)].concat());
    der(0x30, &[der(0x30, &[der(6, oid), vec![5, 0]].concat()), der(3, &[&[0], key.as_slice()].concat())].concat())
}

fn modulus(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0xa5; bits.div_ceil(8)];
    bytes[0] = 0xff >> ((8 - bits % 8) % 8);
    *bytes.last_mut().unwrap() = 0x0d;
    bytes
}

#[test]
fn issuer_keys_are_taken_within_their_limits() {
    let e = &[1, 0, 1][..];
    for bits in [2048, 2049, 2055, 2056, 3072, 4095, 4096] {
        let key = IssuerKey::from_der(&spki(RSA_OID, &modulus(bits), e)).unwrap();
        assert_eq!(key.modulus_len(), bits.div_ceil(8));
        assert_eq!(IssuerKey::from_der(&spki(PSS_OID, &modulus(bits), e)), Ok(key));
    }
    for exponent in [&[3][..], &[17], e, &[1, 0xff, 0xff, 0xff, 0xff]] {
        assert!(IssuerKey::from_der(&spki(RSA_OID, &modulus(2048), exponent)).is_ok(), "{exponent:?}");
    }
}

#[test]
fn every_check_of_an_issuer_key_refuses() {
    use IssuerKeyError::*;
    let e = &[1, 0, 1][..];
    let good = spki(RSA_OID, &modulus(2048), e);
    let refused = |der: &[u8]| IssuerKey::from_der(der).unwrap_err();
    for bits in [512, 1024, 2047, 4097, 8192] {
        assert_eq!(refused(&spki(RSA_OID, &modulus(bits), e)), ModulusBits { found: bits });
    }
    let mut even = modulus(2048);
    even[255] = 0x0c;
    assert_eq!(refused(&spki(RSA_OID, &even, e)), EvenModulus);
    for exponent in [&[0][..], &[1], &[2], &[1, 0, 0], &[2, 0, 0, 0, 0], &[2, 0, 0, 0, 1], &[0x7f; 256]] {
        assert_eq!(refused(&spki(RSA_OID, &modulus(2048), exponent)), Exponent, "{exponent:?}");
    }
    assert_eq!(refused(&spki(EC_OID, &modulus(2048), e)), NotRsa);
    assert_eq!(refused(&[&good[..], &[0]].concat()), NotRsa, "trailing bytes");
    assert_eq!(refused(&good[..good.len() - 1]), NotRsa);
    assert_eq!(refused(&[]), NotRsa);
    let inside = der(0x30, &[der(2, &[&[0], &modulus(2048)[..]].concat()), der(2, e), vec![5, 0]].concat());
    let trailing = der(
        0x30,
        &[der(0x30, &[der(6, RSA_OID), vec![5, 0]].concat()), der(3, &[&[0], &inside[..]].concat())].concat(),
    );
    assert_eq!(refused(&trailing), NotRsa, "trailing bytes inside");
    assert_eq!(IssuerKey::from_base64url("!").unwrap_err(), NotBase64);
}

#[test]
fn an_id_of_the_form_of_a_sha256_has_to_be_the_keys() {
    let vectors: Vec<serde_json::Value> = serde_json::from_str(include_str!("vectors/passes.json")).unwrap();
    let text = |at: usize, name: &str| vectors[at][name].as_str().unwrap();
    let kind = |at: usize, key_id: &str| {
        Offer::new(text(at, "challenge"), text(at, "token_key"), key_id.into(), 0).unwrap().key_id_kind()
    };
    let kinds: Vec<_> = (0..vectors.len()).map(|at| kind(at, text(at, "token_key_id"))).collect();
    assert_eq!(kinds[..6], [Sha256, Sha256, Opaque, Sha256, Sha256, Sha256], "OpenSSL computed these");
    assert!(kinds[6..].iter().all(|kind| *kind == Opaque));

    let hex = text(1, "token_key_id");
    let base64 = text(0, "token_key_id");
    assert_eq!(kind(1, &hex.to_ascii_uppercase()), Sha256);
    assert_eq!(kind(0, &format!("{base64}=")), Sha256);
    let other_case = hex.replacen(|c: char| c.is_ascii_lowercase(), "F", 1);
    for (at, wrong) in [(0, hex), (1, base64), (0, &"0".repeat(64)), (0, &"A".repeat(43)), (1, &other_case)] {
        assert_eq!(kind(at, wrong), Mismatch, "{wrong}");
    }
    for opaque in ["k", &hex[1..], &base64[1..], &format!("{hex}0"), &format!("{base64}A"), &format!("{base64}==")] {
        assert_eq!(kind(1, opaque), Opaque, "{opaque}");
    }
}

#[test]
fn nothing_is_blinded_for_a_key_under_the_id_of_another_but_in_an_emergency() {
    let vectors: Vec<serde_json::Value> = serde_json::from_str(include_str!("vectors/passes.json")).unwrap();
    let text = |at: usize, name: &str| vectors[at][name].as_str().unwrap();
    let mut offer = Offer::new(text(0, "challenge"), text(0, "token_key"), text(3, "token_key_id").into(), 0).unwrap();
    let refused = PendingPass::blind(offer.clone(), &mut DefaultRng).err().unwrap();
    assert_eq!(refused, Error::IssuerKeyMismatch);
    assert!(refused.details().unwrap().starts_with("token-key-id is not the SHA-256 of token-key"));
    assert!(refused.details().unwrap().contains("nothing was bought"));
    offer.permissive = true;
    assert_eq!(PendingPass::blind(offer, &mut DefaultRng).unwrap().key_id(), text(3, "token_key_id"));
}

#[test]
fn encryption_keys_are_rsa_spki_of_2048_to_4096_bits() {
    let key = |bits| pem("PUBLIC KEY", &spki(RSA_OID, &modulus(bits), &[1, 0, 1]));
    let problem = |text: &str| match EncryptionKey::parse(text) {
        Err(Error::Parameter { field: "encryption-key-pem", problem }) => problem,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(EncryptionKey::parse(key(2048)).unwrap().as_pem(), key(2048), "unchanged");
    assert!(EncryptionKey::parse(key(4096).replace('\n', "\r\n")).is_ok());
    assert!(problem(&key(1024)).contains("2048 to 4096"));
    assert!(problem(&key(4104)).contains("2048 to 4096"));
    assert!(problem(&key(2048).replace("PUBLIC", "RSA PUBLIC")).contains("PKCS#1"));
    assert!(problem(&key(2048).replace("PUBLIC", "PRIVATE")).contains("private"));
    assert!(problem("").contains("BEGIN PUBLIC KEY"));
    assert!(problem(&pem("PUBLIC KEY", &spki(EC_OID, &modulus(2048), &[3]))).contains("RSA"));
    assert!(problem(&pem("PUBLIC KEY", b"junk")).contains("RSA"));
}

#[test]
fn claims_are_read_and_what_is_not_known_is_passed_over() {
    let claim = Claim::parse(
        r#"{"claim_type":"age_over18_france","claim_result":"passed","new":{"a":[1]},"methodology":[{"method":"telepathy","result":"odd","x":1},{}]}"#,
    );
    let methodology = vec![
        Method { method: "telepathy".into(), result: "odd".into() },
        Method { method: String::new(), result: String::new() },
    ];
    assert_eq!(claim, Ok(Claim { claim_type: "age_over18_france".into(), passed: true, methodology }));
    let failed = Claim::parse("{\"claim_type\":\"a\",\"claim_result\":\"failed\",\"methodology\":null}").unwrap();
    assert!(!failed.passed && failed.methodology.is_empty());
    assert_eq!(Claim::parse("{\"claim_type\":\"a\",\"claim_result\":\"maybe\"}"), Err(ClaimError::Result));
    for bad in [
        "",
        "{}",
        "[]",
        "null",
        "{\"claim_type\":1,\"claim_result\":\"passed\"}",
        "{\"claim_result\":\"passed\"}",
        "QUJD",
    ] {
        assert_eq!(Claim::parse(bad), Err(ClaimError::Malformed), "{bad}");
    }
    assert_eq!(Claim::parse(&"QUJD".repeat(86)), Err(ClaimError::Encrypted));
    assert!(from_base64url(&"QUJD".repeat(86)).is_ok());
}

#[test]
fn what_is_secret_does_not_show_when_printed() {
    use relay_edge::{api, purchase::Purchase, redemption::Redemption};
    let created = |body: &str| api::Response { status: 201, body: body.into(), ..api::Response::default() };
    let relay = r#"{"relay-token":"relay_x","relay-secret":"c4n4ry","relay-session-access-token":"c4n4ry"}"#;
    let relay = api::create_answer(&created(relay), 0).unwrap();
    assert_eq!(relay.relay_session_access_token, "c4n4ry");
    assert!(format!("{relay:?}").contains("relay_x") && !format!("{relay:?}").contains("c4n4ry"));
    let claim = Claim::parse(r#"{"claim_type":"c4n4ry","claim_result":"passed"}"#).unwrap();
    assert!(claim.passed && !format!("{claim:?}").contains("c4n4ry"));
    let sent = r#"{"pending_pass":"c4n4ry","idempotency_key":"c4n4ry","first_sent_at":1,"in_flight":true,"in_doubt":false,"first_5xx_at":null,"sends":1}"#;
    for state in [format!(r#"{{"sent":{sent}}}"#), r#"{"issued":{"pass":"c4n4ry","issued_at":1}}"#.into()] {
        let purchase: Purchase = serde_json::from_str(&format!(r#"{{"v":1,"attempt":0,"state":{state}}}"#)).unwrap();
        assert!(!format!("{purchase:?}").contains("c4n4ry"));
    }
    for state in [r#""ready""#, r#"{"redeemed":{"claim_payload":"c4n4ry","at":1}}"#] {
        let redemption: Redemption =
            serde_json::from_str(&format!(r#"{{"v":1,"pass":"c4n4ry","state":{state}}}"#)).unwrap();
        assert!(!format!("{redemption:?}").contains("c4n4ry"));
    }
}
