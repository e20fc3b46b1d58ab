//! JSON objects, read member by member and written one by one.
//!
//! serde_json checks the grammar of the whole text and writes strings. What it let pass is cut here, which takes next to
//! nothing: reading with it into types, derived or not, was a sixth of the module, and brought the tables that print
//! floating-point numbers, for its error messages.

use core::str::Chars;

use serde::de::IgnoredAny;

/// The members of an object in their order, values to the letter.
pub(crate) struct Object<'a>(Vec<(String, &'a str)>);

impl<'a> Object<'a> {
    /// Takes the text of one JSON object; `None` when it is anything else.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        let parts = parts(grammatical(text)?, '{')?;
        let members = parts.chunks_exact(2).map(|member| match member {
            [name, value] => Some((self::text(name)?, *value)),
            _ => None,
        });
        members.collect::<Option<Vec<_>>>().map(Self)
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

/// A string's value. `None` when it is no string, or has half a surrogate pair in it, which is no character.
pub(crate) fn text(value: &str) -> Option<String> {
    let value = value.strip_prefix('"')?.strip_suffix('"')?;
    if value.bytes().all(|byte| byte != b'\\') {
        return Some(value.into());
    }
    let mut rest = value.chars();
    let mut text = String::with_capacity(value.len());
    while let Some(c) = rest.next() {
        text.push(if c == '\\' { escaped(&mut rest)? } else { c });
    }
    Some(text)
}

/// A whole number's value. JSON has fewer spellings of it than Rust, and `value` is JSON.
pub(crate) fn number(value: &str) -> Option<i64> {
    value.parse().ok()
}

/// The text without the white space around it, if it is JSON.
fn grammatical(text: &str) -> Option<&str> {
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| text.trim_ascii())
}

fn array(value: &str) -> Option<Vec<&str>> {
    parts(value, '[')
}

/// What stands between the brackets of an array, or of an object: name, value, name, value. The text is JSON.
fn parts(text: &str, open: char) -> Option<Vec<&str>> {
    let mut rest = text.strip_prefix(open)?;
    let mut parts = Vec::new();
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\n', '\r', ',', ':']);
        let len = value_len(rest);
        if len == 0 {
            return Some(parts);
        }
        let (value, after) = rest.split_at_checked(len)?;
        parts.push(value);
        rest = after;
    }
}

/// How many bytes the value takes that the text begins with; 0 at the end of an array or object.
fn value_len(text: &str) -> usize {
    let (mut depth, mut in_string, mut after_backslash) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        if in_string {
            if after_backslash {
                after_backslash = false;
            } else if byte == b'\\' {
                after_backslash = true;
            } else if byte == b'"' {
                in_string = false;
                if depth == 0 {
                    return at + 1;
                }
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

/// The character that an escape stands for, behind its backslash.
fn escaped(rest: &mut Chars<'_>) -> Option<char> {
    match rest.next()? {
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'u' => {
            let unit = utf16_unit(rest)?;
            if !(0xd800..=0xdbff).contains(&unit) {
                return char::from_u32(unit);
            }
            let low = if (rest.next(), rest.next()) == (Some('\\'), Some('u')) { utf16_unit(rest)? } else { 0 };
            let low = (0xdc00..=0xdfff).contains(&low).then(|| low - 0xdc00)?;
            char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + low)
        }
        itself => Some(itself),
    }
}

fn utf16_unit(rest: &mut Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + rest.next()?.to_digit(16)?;
    }
    Some(unit)
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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests;
