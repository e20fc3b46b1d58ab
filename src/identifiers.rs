//! Public names that go into paths and bodies.

use crate::error::Error;

/// The public identifier of a relay, `relay_…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayToken(String);

/// A claim type. An open set: it is checked for characters, never against a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimType(String);

impl RelayToken {
    /// Takes 1 to 128 characters of `A-Z a-z 0-9 _ -`: nothing that could mean something else in a path.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming `relay-token`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        name(text.into()).map(Self).ok_or(Error::Parameter { field: "relay-token", problem: NAME_PROBLEM })
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ClaimType {
    /// Takes 1 to 128 characters of `A-Z a-z 0-9 _ -`.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming `claim-type`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
        name(text.into()).map(Self).ok_or(Error::Parameter { field: "claim-type", problem: NAME_PROBLEM })
    }

    /// The claim type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const NAME_PROBLEM: &str = "must be 1 to 128 characters of A-Z, a-z, 0-9, _ and -";

fn name(text: String) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then_some(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn a_relay_token_cannot_leave_its_place_in_the_path() {
        assert_eq!(RelayToken::parse("relay_Ab-9").unwrap().as_str(), "relay_Ab-9");
        let long = "a".repeat(129);
        for bad in
            ["", "..", ".", "a/b", "a?b", "a#b", "a%2e", "a\\b", "a b", "a\tb", "a\nb", "a\0", "é", long.as_str()]
        {
            assert!(RelayToken::parse(bad).is_err(), "{bad:?}");
        }
    }
}
