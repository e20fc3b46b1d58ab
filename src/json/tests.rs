use super::*;
use crate::test_support::test;

#[test]
fn members_are_found_as_they_stand_and_no_other_value_is_taken_for_them() {
    let text = r#" {"a\u0062" : "\u00e9\n", "n":-7,"big":1e400, "null":null,"t":true, "l":[1, {"x":[]}],"o":{ "y":2},"n2":1,"n2":1} "#;
    let object = Object::read(text).unwrap();
    assert_eq!(object.text("ab"), Some("é\n".into()));
    assert_eq!((object.number("n"), object.count("n"), object.number("big")), (Some(-7), None, None));
    assert_eq!(
        (object.member("null"), object.member("none"), object.member("n2")),
        (Some(Some("null")), Some(None), None)
    );
    assert_eq!(
        (object.optional_text("null"), object.optional_text("none"), object.optional_text("n")),
        (Some(None), Some(None), None)
    );
    assert_eq!(
        (object.optional_number("null"), object.optional_number("n"), object.optional_number("t")),
        (Some(None), Some(Some(-7)), None)
    );
    assert_eq!((object.flag("t"), object.flag("n"), object.flag("none")), (Some(true), None, None));
    assert_eq!(object.array("l"), Some(vec!["1", r#"{"x":[]}"#]));
    assert_eq!(
        (object.array("none"), object.optional_array("none"), object.optional_array("null")),
        (None, Some(vec![]), Some(vec![]))
    );
    assert_eq!(object.object("o").unwrap().only(), Some(("y", "2")));
    assert!(object.only().is_none() && object.object("l").is_none());
    for bad in ["", "[]", "null", "{", "{}x", "{\"a\":}", "{\"a\":01}", "{\"a\":\"\x01\"}", "[[\"a\",1]]", "\"{}\""] {
        assert!(Object::read(bad).is_none(), "{bad}");
    }
    assert!(Object::read(r#"{"a":"\ud800"}"#).is_none_or(|object| object.text("a").is_none()));
}

/// serde_json reads into types here; what it makes of a text, this module has to make of it.
#[test]
fn serde_json_reads_the_same() {
    use serde_json::Value;
    let whole = r#"{"a\ud83d\ude00\n":"\u00e9\"\\\/\b\f\n\r\t\ud83d\ude00 é😀", "b" : [1,-2.5e-7,"]",{"c":"}"}] ,"d":{"e":{},"f":[[]]},"g":null}"#;
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |end: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % end as u64).unwrap()
    };
    let (mut read, mut refused) = (0, 0);
    for round in 0..40_000 {
        let mut bytes = whole.as_bytes().to_vec();
        for _ in 0..round % 3 {
            let at = below(bytes.len());
            let byte = b"\"\\{}[],: \nu0dD8cf1e-xn"[below(22)];
            match below(3) {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        let Ok(expected) = serde_json::from_str::<serde_json::Map<String, Value>>(&text) else {
            // Numbers beyond any type and half surrogate pairs in values are grammatical.
            refused += 1;
            continue;
        };
        let object = Object::read(&text).unwrap_or_else(|| panic!("{text}"));
        for (name, value) in &expected {
            let Some(found) = object.member(name) else { continue };
            same(found.unwrap(), value);
        }
        read += 1;
    }
    assert!(read > 10_000 && refused > 10_000, "{read} {refused}");

    fn same(found: &str, expected: &Value) {
        assert_eq!(serde_json::from_str::<Value>(found).unwrap(), *expected);
        match expected {
            Value::String(expected) => assert_eq!(text(found).as_ref(), Some(expected)),
            Value::Array(expected) => {
                let found = array(found).unwrap();
                assert_eq!(found.len(), expected.len());
                found.iter().zip(expected).for_each(|(found, expected)| same(found, expected));
            }
            Value::Object(expected) => {
                let found = Object::read(found).unwrap();
                expected.iter().for_each(|(name, value)| {
                    if let Some(found) = found.member(name) {
                        same(found.unwrap(), value);
                    }
                });
            }
            Value::Number(expected) => assert_eq!(number(found), expected.as_i64().filter(|_| found != "-0")),
            _ => assert!(text(found).is_none() && array(found).is_none() && number(found).is_none()),
        }
    }
}

#[test]
fn what_is_written_is_read() {
    let text = Writer::new().text("a", "\"\\\u{1}é").optional_text("b", None).number("c", i64::MIN).flag("d", true);
    let text = text.optional_number("e", None).counts("f", &[0, u32::MAX]).counts("g", &[]).json("h", "{}").end();
    assert_eq!(
        text,
        r#"{"a":"\"\\\u0001é","b":null,"c":-9223372036854775808,"d":true,"e":null,"f":[0,4294967295],"g":[],"h":{}}"#
    );
    let object = Object::read(&text).unwrap();
    assert_eq!((object.text("a"), object.number("c")), (Some("\"\\\u{1}é".into()), Some(i64::MIN)));
    assert_eq!(Writer::new().end(), "{}");
}
