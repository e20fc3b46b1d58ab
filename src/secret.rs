//! Text that must not be seen: erased when dropped, redacted when printed.

use core::fmt;
use zeroize::Zeroizing;

use crate::encoding;
use crate::error::Error;

/// Defines a secret that travels in an HTTP header, as `$read` takes it.
macro_rules! header_secret {
    ($(#[$doc:meta])* $name:ident, $field:literal, $read:expr, $problem:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Zeroizing<String>);

        impl $name {
            /// Takes the text when it can stand in a header.
            ///
            /// # Errors
            #[doc = concat!("[`Error::Parameter`] naming `", $field, "`.")]
            pub fn parse(text: impl Into<String>) -> Result<Self, Error> {
                let read: fn(Zeroizing<String>) -> Option<Zeroizing<String>> = $read;
                let refused = Error::Parameter { field: $field, problem: $problem };
                read(Zeroizing::new(text.into())).map(Self).ok_or(refused)
            }

            /// The text itself. Mind where it goes.
            pub fn expose(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

header_secret!(
    /// What shows that a relay is ours. Opaque; a UUID today.
    RelaySecret, "relay-secret", visible,
    "must be 1 to 512 visible ASCII characters: pass on what the creation of the relay answered"
);
header_secret!(
    /// The key that pays for passes. It travels on the purchase and on no other call.
    ApiKey, "api-key", visible,
    "must be 1 to 512 visible ASCII characters, such as persona_sandbox_…"
);
header_secret!(
    /// A pass as it travels: unpadded base64url of its JSON, see [`crate::pass`]. Whoever has it can spend it.
    ///
    /// One pass has one spelling here, because the idempotency key of its redemption follows from it.
    PrivacyPassToken, "privacy-pass-token", canonical_base64url,
    "must be the base64url text that buying the pass answered"
);

/// 1 to 512 visible ASCII characters, unchanged.
fn visible(text: Zeroizing<String>) -> Option<Zeroizing<String>> {
    ((1..=512).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(text)
}

/// Up to 64 KiB of base64url, its padding taken off.
fn canonical_base64url(mut text: Zeroizing<String>) -> Option<Zeroizing<String>> {
    let bytes = Zeroizing::new(encoding::from_base64url(&text).ok()?);
    let len = text.trim_end_matches('=').len();
    text.truncate(len);
    (!bytes.is_empty() && text.len() <= 65_536).then_some(text)
}

/// Bytes that must not be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes the bytes over.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Mind where they go.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn secrets_do_not_show_when_printed_and_cannot_break_a_header() {
        let secret = RelaySecret::parse("c4n4ry").unwrap();
        assert_eq!(format!("{secret:?} {:?}", SecretBytes::new(b"c4n4ry".to_vec())), "RelaySecret(…) SecretBytes(…)");
        for bad in ["", "a b", "a\r\nX: y", "a\0", "é"] {
            assert!(RelaySecret::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(PrivacyPassToken::parse("eyJ0-_A=").unwrap(), PrivacyPassToken::parse("eyJ0-_A").unwrap());
        assert!(PrivacyPassToken::parse("a,b=\"c\"").is_err());
    }
}
