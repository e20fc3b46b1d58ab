//! The page on which a person answers (docs/protocol.md, "The hosted flow").

use crate::error::Error;

/// The address of the hosted page for a relay's session. To be opened without a referrer. `theme` is `light`, `dark` or
/// `auto`.
///
/// # Errors
/// [`Error::Parameter`] naming `relay-session-access-token` or `theme`.
pub fn url(relay_session_access_token: &str, theme: Option<&str>) -> Result<String, Error> {
    // The characters that stand for themselves in a query (RFC 3986 section 2.3); a JWT has no others.
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if relay_session_access_token.is_empty() || !relay_session_access_token.bytes().all(unreserved) {
        let problem = "must be the JWT that the creation of the relay answered";
        return Err(Error::Parameter { field: "relay-session-access-token", problem });
    }
    let mut url =
        ["https://relay.withpersona.com/relay?relay-session-access-token=", relay_session_access_token].concat();
    match theme {
        Some(theme @ ("light" | "dark" | "auto")) => url.push_str(&["&theme=", theme].concat()),
        Some(_) => return Err(Error::Parameter { field: "theme", problem: "must be light, dark or auto" }),
        None => {}
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn the_token_stays_in_its_place() {
        let base = "https://relay.withpersona.com/relay?relay-session-access-token=a.b-c_d";
        assert_eq!(url("a.b-c_d", None).as_deref(), Ok(base));
        assert_eq!(url("a.b-c_d", Some("dark")), Ok([base, "&theme=dark"].concat()));
        assert!(url("a.b-c_d", Some("blue")).is_err());
        for bad in ["", "a&b", "a#b", "a b", "é"] {
            assert!(url(bad, None).is_err(), "{bad:?}");
        }
    }
}
