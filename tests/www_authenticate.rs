//! The `WWW-Authenticate` grammar of RFC 9110 section 11.6.1: what is written by the grammar is read back as it was meant.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;
use relay_edge::www_authenticate::{offer, parse, AuthChallenge, HeaderError};
use relay_edge::Error;

/// A challenge and one of the many ways to spell it.
#[derive(Debug, Clone)]
struct Spelled {
    scheme: String,
    token68: Option<String>,
    params: Vec<(String, String)>,
    text: String,
}

const TOKEN: &str = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}";

fn param() -> impl Strategy<Value = (String, String, String)> {
    let blank = "[ \t]{0,2}";
    let quoted = ("[ -~\t¡-ÿ😀]{0,20}", any::<u64>()).prop_map(|(value, escapes)| {
        let must_escape = |c| matches!(c, '"' | '\\');
        let spell = |(at, c): (usize, char)| {
            if must_escape(c) || (escapes >> (at % 64)) & 1 == 1 {
                vec!['\\', c]
            } else {
                vec![c]
            }
        };
        let text: String = value.chars().enumerate().flat_map(spell).collect();
        (value, format!("\"{text}\""))
    });
    let bare = (TOKEN, "={0,2}").prop_map(|(value, padding)| (value.clone() + &padding, value + &padding));
    (TOKEN, blank, blank, prop_oneof![quoted, bare])
        .prop_map(|(name, before, after, (value, text))| (name.clone(), value, format!("{name}{before}={after}{text}")))
}

fn challenge() -> impl Strategy<Value = Spelled> {
    let with_params = (TOKEN, " {1,2}", prop::collection::vec((param(), "[ \t]?,[ \t]?,?[ \t]?"), 0..5)).prop_map(
        |(scheme, space, params)| {
            let mut spelled = Spelled { text: scheme.clone(), scheme, token68: None, params: Vec::new() };
            for ((name, value, text), comma) in params {
                if spelled.params.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
                    continue;
                }
                let separator = if spelled.params.is_empty() { &space } else { &comma };
                spelled.text.push_str(&(separator.clone() + &text));
                spelled.params.push((name, value));
            }
            spelled
        },
    );
    let with_token68 = (TOKEN, "[A-Za-z0-9._~+/-]{1,20}={0,2}").prop_map(|(scheme, value)| Spelled {
        text: format!("{scheme} {value}"),
        scheme,
        token68: Some(value),
        params: Vec::new(),
    });
    prop_oneof![4 => with_params, 1 => with_token68]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn what_the_grammar_writes_is_read_back(challenges in prop::collection::vec((challenge(), "[ \t]?,[, \t]?"), 0..4)) {
        let header: String = challenges.iter().map(|(spelled, comma)| spelled.text.clone() + comma).collect();
        let read = parse(&header).map_err(|error| TestCaseError::fail(format!("{error:?}: {header}")))?;
        let expected: Vec<AuthChallenge<'_>> = challenges
            .iter()
            .map(|(spelled, _)| AuthChallenge {
                scheme: &spelled.scheme,
                token68: spelled.token68.as_deref(),
                params: spelled.params.iter().map(|(name, value)| (name.as_str(), value.as_str().into())).collect(),
            })
            .collect();
        prop_assert_eq!(read, expected, "{}", header);
    }
}

#[test]
fn what_the_grammar_does_not_write_is_refused() {
    for header in [
        "=",
        "a=b",
        "Basic realm=\"x",
        "Basic realm=\"x\\",
        "Basic realm=\"x\"y",
        "Basic realm=x y",
        "Basic a=b, A=c",
        "Basic a b",
        "Basic \"a\"",
        "Basic a=\"\u{1}\"",
        "Basic a=\"\\\u{7f}\"",
        "Negotiate YQ==, a=b",
        "é x=y",
        "Basic a=é",
        "Basic a==b",
    ] {
        assert_eq!(parse(header), Err(HeaderError::Malformed), "{header:?}");
    }
    assert_eq!(parse(""), Ok(vec![]));
    assert_eq!(parse(" ,\t, "), Ok(vec![]));
}

#[test]
fn the_offer_is_found_among_other_schemes_and_headers() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors/passes.json")).unwrap();
    // A key whose length takes padding.
    let text = |name: &str| vectors[2][name].as_str().unwrap();
    let (challenge, key, id) = (text("challenge"), text("token_key"), "k\"é\\");
    let padded = key.to_owned() + &"=".repeat(4 - key.len() % 4);
    let quoted_id = r#""k\"é\\""#;
    let found =
        |headers: &[String]| offer(headers, 0).map(|offer| (offer.challenge.as_json().to_owned(), offer.key_id));
    let json = String::from_utf8(relay_edge::encoding::from_base64url(challenge).unwrap()).unwrap();
    let good = Ok((json, id.to_owned()));
    for headers in [
        vec![format!("PrivateToken challenge=\"{challenge}\", token-key=\"{key}\", token-key-id={quoted_id}")],
        vec![format!("pRIVATEtOKEN  Token-Key-ID = {quoted_id} ,,TOKEN-KEY\t=\t{padded} , x=\"a, PrivateToken b=c\",challenge={challenge}")],
        vec!["Basic realm=\"PrivateToken challenge=x\"".into(), format!("Bearer, PrivateToken token-key={key}, challenge={challenge}, token-key-id={quoted_id}, max-age=1, Negotiate YQ==")],
        vec![format!("PrivateToken challenge=e30, token-key={key}, token-key-id=k, PrivateToken challenge={challenge}, token-key={key}, token-key-id={quoted_id}")],
        vec!["\"".into(), format!("PrivateToken challenge={challenge}, token-key={key}, token-key-id={quoted_id}")],
    ] {
        assert_eq!(found(&headers), good, "{headers:?}");
    }
    let missing = |header: &str| offer(&[header.to_owned()], 0).unwrap_err();
    assert_eq!(offer(&[], 0).unwrap_err(), Error::Header(HeaderError::Missing));
    assert_eq!(missing("Basic realm=x"), Error::Header(HeaderError::Missing));
    assert_eq!(missing("PrivateToken \""), Error::Header(HeaderError::Malformed));
    assert_eq!(missing("PrivateToken token-key=a, token-key-id=b"), Error::Header(HeaderError::ChallengeMissing));
    assert_eq!(missing("PrivateToken challenge=a, token-key-id=b"), Error::Header(HeaderError::TokenKeyMissing));
    assert_eq!(missing("PrivateToken challenge=a, token-key=b"), Error::Header(HeaderError::TokenKeyIdMissing));
}
