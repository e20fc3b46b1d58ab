//! What a store holds of a purchase and of a redemption, to the letter: records outlive the code that wrote them.
#![allow(clippy::unwrap_used, clippy::panic)]

use relay_edge::purchase::{Purchase, State};
use relay_edge::redemption::Redemption;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

const SENT: &str = r#"{"pending_pass":"p","idempotency_key":"k\"é","first_sent_at":-1,"in_flight":true,"in_doubt":false,"first_5xx_at":7,"sends":2}"#;
const REFUSAL: &str = r#"{"status":422,"title":"t","details":null,"code":"c","requestId":null}"#;

fn purchases() -> Vec<String> {
    let states = [
        r#""none""#.to_owned(),
        format!(r#"{{"sent":{SENT}}}"#),
        format!(r#"{{"sent":{}}}"#, SENT.replace("at\":7", "at\":null")),
        r#"{"issued":{"pass":"p","issued_at":1795235460}}"#.to_owned(),
        format!(r#"{{"rejected":{{"refusal":{REFUSAL}}}}}"#),
        format!(r#"{{"unknown":{{"sent":{SENT},"since":9}}}}"#),
        r#"{"unusable":{"since":9}}"#.to_owned(),
    ];
    states.map(|state| format!(r#"{{"v":1,"attempt":4294967295,"state":{state}}}"#)).into()
}

fn redemptions() -> Vec<String> {
    let states = [
        r#""ready""#.to_owned(),
        r#"{"sent":{"attempt":2,"in_flight":false,"in_doubt":[0,1],"first_5xx_at":null,"next_attempt":true,"asking":[],"rounds":3,"round_at":5,"first_sent_at":4}}"#.to_owned(),
        r#"{"redeemed":{"claim_payload":"{\"a\"}","at":9}}"#.to_owned(),
        r#"{"refunded":{"claim_payload":"","at":9}}"#.to_owned(),
        format!(r#"{{"rejected":{{"refusal":{REFUSAL},"attempt":3}}}}"#),
        r#"{"lost":{"since":9}}"#.to_owned(),
    ];
    states.map(|state| format!(r#"{{"v":1,"pass":"p","state":{state}}}"#)).into()
}

/// Each record, and the same text with one member's name or one value changed: that is read as another record or not at
/// all, and a record of another version, or one that lacks a member or has it twice, is not read.
fn check<R: PartialEq + core::fmt::Debug>(
    texts: Vec<String>,
    read: fn(&str) -> Option<R>,
    write: fn(&R) -> String,
    serde: fn(&R) -> String,
) {
    for text in texts {
        let record = read(&text).unwrap_or_else(|| panic!("{text} is not read"));
        assert_eq!((write(&record), serde(&record)), (text.clone(), text.clone()));
        let spaced = text.replace("\":", "\" :\n").replace("\",\"", "\"\t, \"");
        assert_eq!(read(&spaced), Some(record), "white space and unknown members change nothing");
        for (what, bad) in [
            ("another version", text.replacen("\"v\":1", "\"v\":2", 1)),
            ("a version that is a text", text.replacen("\"v\":1", "\"v\":\"1\"", 1)),
            ("no version", text.replacen("\"v\":1,", "", 1)),
            ("two versions", text.replacen("\"v\":1", "\"v\":1,\"v\":1", 1)),
            ("no state", text.replacen("\"state\"", "\"stat\"", 1)),
            (
                "another state",
                text.replacen("\"state\":{\"", "\"state\":{\"un", 1).replacen("state\":\"", "state\":\"un", 1),
            ),
            ("an array", format!("[{text}]")),
            ("more than a record", format!("{text}{text}")),
        ] {
            assert_eq!(read(&bad), None, "{what}: {bad}");
        }
    }
}

#[test]
fn records_are_kept_to_the_letter() {
    let serde = |record: &Purchase| serde_json::to_string(record).unwrap();
    check(purchases(), Purchase::from_text, Purchase::to_text, serde);
    let serde = |record: &Redemption| serde_json::to_string(record).unwrap();
    check(redemptions(), Redemption::from_text, Redemption::to_text, serde);
}

#[test]
fn versions_without_a_count_of_sends_and_this_one_read_each_others_purchases() {
    for (in_flight, sends) in [(false, 0), (true, 1)] {
        let flag = format!("\"in_flight\":{in_flight}");
        let earlier = SENT.replace("\"in_flight\":true", &flag).replace(",\"sends\":2", "");
        let earlier = format!(r#"{{"v":1,"attempt":0,"state":{{"sent":{earlier}}}}}"#);
        let record = Purchase::from_text(&earlier).unwrap();
        let State::Sent(sent) = &record.state else { panic!("it is {record:?}") };
        assert_eq!(sent.in_flight, sends);
        // The flag and all else that they wrote are where they were, and one member more.
        assert_eq!(record.to_text(), earlier.replace("7}", &format!("7,\"sends\":{sends}}}")));
    }
}

#[test]
fn a_member_of_a_state_that_is_missing_or_wrong_is_not_made_up() {
    for (texts, read) in [
        (purchases(), (|text| Purchase::from_text(text).is_some()) as fn(&str) -> bool),
        (redemptions(), |text| Redemption::from_text(text).is_some()),
    ] {
        for text in texts {
            let (_, state) = text.split_once("\"state\":").unwrap();
            for (at, _) in state.match_indices("\":") {
                let (head, tail) = state.split_at(at);
                // `null` is a value of what may be missing, and missing is as good.
                let may_be_missing = ["first_5xx_at", "sends", "title", "details", "code", "requestId"]
                    .iter()
                    .any(|n| head.ends_with(n));
                let renamed = text.replace(state, &format!("{head}x{tail}"));
                assert_eq!(read(&renamed), may_be_missing, "{renamed}");
                let wrong = text.replace(state, &format!("{head}\":[{{}}],\"x{tail}"));
                assert!(!read(&wrong), "{wrong}");
            }
        }
    }
}
