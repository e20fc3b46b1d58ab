//! JSON objects, read member by member and written one by one.
//!
//! serde_json checks the grammar and cuts the text; what a value must be is asked for here. One reader and one writer for
//! every record and body, because a derived one per type was a sixth of the module.

use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of an object in their order, values to the letter.
pub(crate) struct Object<'a>(Vec<(String, &'a str)>);

impl<'a> Object<'a> {
    /// Takes the text of one JSON object; `None` when it is anything else.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        serde_json::from_str::<Members<'a>>(text).ok().map(|members| Self(members.0))
    }

    /// A member's text. The inner `None` is a member that is not there; the outer, so for all readers here, one that must
    /// not be what it is: this one stands in the object twice.
    pub(crate) fn member(&self, name: &str) -> Option<Option<&'a str>> {
        let mut found = None;
        for (_, value) in self.0.iter().filter(|(found, _)| found == name) {
            if found.replace(*value).is_some() {
                return None;
            }
        }
        Some(found)
    }

    /// As [`member`](Self::member), and `null` is as good as not there.
    fn optional(&self, name: &str) -> Option<Option<&'a str>> {
        self.member(name).map(|value| value.filter(|value| *value != "null"))
    }

    /// A text that has to be there.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        text(self.member(name)??)
    }

    /// A text that may be `null`, or not be there.
    pub(crate) fn optional_text(&self, name: &str) -> Option<Option<String>> {
        match self.optional(name)? {
            Some(value) => text(value).map(Some),
            None => Some(None),
        }
    }

    /// A whole number that has to be there.
    pub(crate) fn number(&self, name: &str) -> Option<i64> {
        number(self.member(name)??)
    }

    /// A whole number that may be `null`, or not be there.
    pub(crate) fn optional_number(&self, name: &str) -> Option<Option<i64>> {
        match self.optional(name)? {
            Some(value) => number(value).map(Some),
            None => Some(None),
        }
    }

    /// A count: a whole number from 0 to 2^32 - 1.
    pub(crate) fn count(&self, name: &str) -> Option<u32> {
        u32::try_from(self.number(name)?).ok()
    }

    /// A boolean that has to be there.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.member(name)?? {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    /// An object that has to be there.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        Self::read(self.member(name)??)
    }

    /// The values of an array that has to be there.
    pub(crate) fn array(&self, name: &str) -> Option<Vec<&'a str>> {
        array(self.member(name)??)
    }

    /// The values of an array that may be `null`, or not be there.
    pub(crate) fn optional_array(&self, name: &str) -> Option<Vec<&'a str>> {
        self.optional(name)?.map_or(Some(Vec::new()), array)
    }

    /// The only member.
    pub(crate) fn only(&self) -> Option<(&str, &'a str)> {
        match self.0.as_slice() {
            [(name, value)] => Some((name, value)),
            _ => None,
        }
    }
}

/// A string's value.
pub(crate) fn text(value: &str) -> Option<String> {
    serde_json::from_str(value).ok()
}

/// A whole number's value. JSON has fewer spellings of it than Rust, and `value` is JSON.
pub(crate) fn number(value: &str) -> Option<i64> {
    value.parse().ok()
}

fn array(value: &str) -> Option<Vec<&str>> {
    let values: Vec<&RawValue> = serde_json::from_str(value).ok()?;
    Some(values.into_iter().map(RawValue::get).collect())
}

/// An object that is being written.
pub(crate) struct Writer(String);

impl Writer {
    /// Begins one.
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    /// Adds a member whose value is JSON.
    pub(crate) fn json(mut self, name: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self.0.push_str(value);
        self
    }

    /// Adds a text.
    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        // Text cannot fail to serialise.
        self.json(name, &serde_json::to_string(value).unwrap_or_default())
    }

    /// Adds a text, or `null`.
    pub(crate) fn optional_text(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.json(name, "null"),
        }
    }

    /// Adds a whole number.
    pub(crate) fn number(self, name: &str, value: i64) -> Self {
        self.json(name, &value.to_string())
    }

    /// Adds a whole number, or `null`.
    pub(crate) fn optional_number(self, name: &str, value: Option<i64>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self.json(name, "null"),
        }
    }

    /// Adds a boolean.
    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        self.json(name, if value { "true" } else { "false" })
    }

    /// Adds an array of counts.
    pub(crate) fn counts(self, name: &str, values: &[u32]) -> Self {
        let texts: Vec<String> = values.iter().map(|value| i64::from(*value).to_string()).collect();
        self.json(name, &["[", &texts.join(","), "]"].concat())
    }

    /// Ends it.
    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Has serde write and read a record as the text that its `to_text` and `from_text` know. Only serde_json can.
macro_rules! serde_as_text {
    ($record:ty) => {
        impl serde::Serialize for $record {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let raw = serde_json::value::RawValue::from_string(self.to_text());
                raw.map_err(serde::ser::Error::custom)?.serialize(serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $record {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = Box::<serde_json::value::RawValue>::deserialize(deserializer)?;
                Self::from_text(raw.get()).ok_or_else(|| serde::de::Error::custom("no record of this version"))
            }
        }
    };
}
pub(crate) use serde_as_text;

struct Members<'a>(Vec<(String, &'a str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;

        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
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
        for bad in ["", "[]", "null", "{", "{}x", "{\"a\":}", "{\"a\":01}", "{\"a\":\"\x01\"}", "[[\"a\",1]]", "\"{}\""]
        {
            assert!(Object::read(bad).is_none(), "{bad}");
        }
        assert!(Object::read(r#"{"a":"\ud800"}"#).is_none_or(|object| object.text("a").is_none()));
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
}
