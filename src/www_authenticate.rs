//! `WWW-Authenticate: PrivateToken …`, the challenge of the earlier documentation (RFC 9577 section 2.2), found by the
//! full grammar of RFC 9110 section 11.6.1.

use std::borrow::Cow;

use crate::challenge::Offer;
use crate::error::Error;

/// Why a header can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The 401 has no `WWW-Authenticate` header with a `PrivateToken` challenge.
    Missing,
    /// A header does not follow the grammar.
    Malformed,
    /// The `PrivateToken` challenge lacks `challenge`.
    ChallengeMissing,
    /// The `PrivateToken` challenge lacks `token-key`.
    TokenKeyMissing,
    /// The `PrivateToken` challenge lacks `token-key-id`.
    TokenKeyIdMissing,
}

impl HeaderError {
    /// What is wrong, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "there is no WWW-Authenticate header with a PrivateToken challenge",
            Self::Malformed => "the WWW-Authenticate header does not follow RFC 9110 section 11.6.1",
            Self::ChallengeMissing => "the PrivateToken challenge lacks `challenge`",
            Self::TokenKeyMissing => "the PrivateToken challenge lacks `token-key`",
            Self::TokenKeyIdMissing => "the PrivateToken challenge lacks `token-key-id`",
        }
    }
}

/// One `auth-scheme [ 1*SP ( token68 / #auth-param ) ]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthChallenge<'a> {
    /// The scheme as written; compare without regard to case.
    pub scheme: &'a str,
    /// The credentials-like value that some schemes have instead of parameters.
    pub token68: Option<&'a str>,
    /// Names as written, values unquoted.
    pub params: Vec<(&'a str, Cow<'a, str>)>,
}

impl AuthChallenge<'_> {
    /// The value of a parameter, its name compared without regard to case.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_ref())
    }
}

/// Reads what the headers of a 401 offer: the first `PrivateToken` challenge that passes every check. `now` is in Unix
/// seconds.
///
/// # Errors
/// That of the first `PrivateToken` challenge when none passes; [`HeaderError::Malformed`] or [`HeaderError::Missing`]
/// when there is none.
pub fn offer(headers: &[String], now: i64) -> Result<Offer, Error> {
    let mut first_error = None;
    let mut malformed = false;
    for header in headers {
        let Ok(challenges) = parse(header) else {
            malformed = true;
            continue;
        };
        for challenge in challenges.iter().filter(|challenge| challenge.scheme.eq_ignore_ascii_case("PrivateToken")) {
            match offer_of(challenge, now) {
                Ok(offer) => return Ok(offer),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
    }
    let none = if malformed { HeaderError::Malformed } else { HeaderError::Missing };
    Err(first_error.unwrap_or(none.into()))
}

/// Reads one `WWW-Authenticate` value: `#challenge`, empty list elements allowed (RFC 9110 section 5.6.1).
///
/// Beyond the grammar, a bare parameter value may end in `=`, as padded base64url does.
///
/// # Errors
/// [`HeaderError::Malformed`], also for a parameter that one challenge has twice.
pub fn parse(header: &str) -> Result<Vec<AuthChallenge<'_>>, HeaderError> {
    let mut rest = Reader(header);
    let mut challenges: Vec<AuthChallenge<'_>> = Vec::new();
    loop {
        rest.skip_commas();
        if rest.0.is_empty() {
            return Ok(challenges);
        }
        // A list element is either the next parameter of the challenge before it, or a new challenge.
        let mut ahead = rest;
        if let Some((name, value)) = ahead.param() {
            let challenge = challenges.last_mut().filter(|challenge| challenge.token68.is_none());
            add(challenge.ok_or(HeaderError::Malformed)?, name, value)?;
            rest = ahead;
        } else {
            let scheme = rest.token().ok_or(HeaderError::Malformed)?;
            let mut challenge = AuthChallenge { scheme, token68: None, params: Vec::new() };
            if rest.skip_spaces() && !rest.at_end_of_element() {
                let mut ahead = rest;
                if let Some(value) = ahead.token68() {
                    challenge.token68 = Some(value);
                } else {
                    ahead = rest;
                    let (name, value) = ahead.param().ok_or(HeaderError::Malformed)?;
                    add(&mut challenge, name, value)?;
                }
                rest = ahead;
            }
            challenges.push(challenge);
        }
        rest.skip_blanks();
        if !rest.at_end_of_element() {
            return Err(HeaderError::Malformed);
        }
    }
}

fn offer_of(challenge: &AuthChallenge<'_>, now: i64) -> Result<Offer, Error> {
    let param = |name, missing: HeaderError| challenge.param(name).ok_or(missing);
    Offer::new(
        param("challenge", HeaderError::ChallengeMissing)?,
        param("token-key", HeaderError::TokenKeyMissing)?,
        param("token-key-id", HeaderError::TokenKeyIdMissing)?.to_owned(),
        now,
    )
}

fn add<'a>(challenge: &mut AuthChallenge<'a>, name: &'a str, value: Cow<'a, str>) -> Result<(), HeaderError> {
    if challenge.param(name).is_some() {
        return Err(HeaderError::Malformed);
    }
    challenge.params.push((name, value));
    Ok(())
}

/// What of the header has not been read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// Takes the longest run of bytes that `wanted` wants; `None` when there is none.
    fn run(&mut self, wanted: impl Fn(u8) -> bool) -> Option<&'a str> {
        let len = self.0.bytes().take_while(|&byte| wanted(byte)).count();
        let (taken, rest) = self.0.split_at_checked(len).filter(|_| len > 0)?;
        self.0 = rest;
        Some(taken)
    }

    fn one(&mut self, wanted: char) -> Option<()> {
        self.0 = self.0.strip_prefix(wanted)?;
        Some(())
    }

    fn skip_blanks(&mut self) {
        let _ = self.run(|byte| matches!(byte, b' ' | b'\t'));
    }

    fn skip_commas(&mut self) {
        let _ = self.run(|byte| matches!(byte, b' ' | b'\t' | b','));
    }

    fn skip_spaces(&mut self) -> bool {
        self.run(|byte| byte == b' ').is_some()
    }

    fn at_end_of_element(&self) -> bool {
        self.0.is_empty() || self.0.starts_with(',')
    }

    /// `token = 1*tchar`
    fn token(&mut self) -> Option<&'a str> {
        self.run(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
    }

    /// `token68 = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="`, and then the end of the list element.
    fn token68(&mut self) -> Option<&'a str> {
        let start = self.0;
        self.run(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))?;
        let _ = self.run(|byte| byte == b'=');
        let value = start.strip_suffix(self.0);
        self.skip_blanks();
        value.filter(|_| self.at_end_of_element())
    }

    /// `auth-param = token BWS "=" BWS ( token / quoted-string )`
    fn param(&mut self) -> Option<(&'a str, Cow<'a, str>)> {
        let name = self.token()?;
        self.skip_blanks();
        self.one('=')?;
        self.skip_blanks();
        if self.0.starts_with('"') {
            return Some((name, self.quoted_string()?));
        }
        let start = self.0;
        self.token()?;
        let _ = self.run(|byte| byte == b'=');
        Some((name, Cow::Borrowed(start.strip_suffix(self.0)?)))
    }

    /// `quoted-string = DQUOTE *( qdtext / quoted-pair ) DQUOTE`, unquoted. Control characters other than tab are refused.
    fn quoted_string(&mut self) -> Option<Cow<'a, str>> {
        self.one('"')?;
        let mut unquoted = String::new();
        let mut plain_from = self.0;
        loop {
            let plain = self.run(|byte| !matches!(byte, b'"' | b'\\' | 0..=8 | 10..=31 | 127)).unwrap_or_default();
            if self.one('"').is_some() {
                if unquoted.is_empty() {
                    return Some(Cow::Borrowed(plain));
                }
                unquoted.push_str(plain);
                return Some(Cow::Owned(unquoted));
            }
            self.one('\\')?;
            let escaped = self.0.chars().next().filter(|&c| c == '\t' || !c.is_control())?;
            unquoted.push_str(plain);
            unquoted.push(escaped);
            plain_from = plain_from.get(plain.len() + 1 + escaped.len_utf8()..)?;
            self.0 = plain_from;
        }
    }
}
