//! base64url and base64 as the protocol writes them, and nothing else (RFC 4648 sections 4 and 5).

use core::iter;

use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, Engine, GeneralPurpose, GeneralPurposeConfig};

/// The text is no base64 of the wanted alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotBase64;

/// Encodes as unpadded base64url: the only form that is sent.
pub fn base64url(bytes: &[u8]) -> String {
    encode(&alphabet::URL_SAFE, bytes)
}

/// Decodes base64url, padded in full or not at all.
///
/// # Errors
/// Anything else: the standard alphabet, white space, half a padding, bits left over.
pub fn from_base64url(text: &str) -> Result<Vec<u8>, NotBase64> {
    decode(&URL_SAFE, text)
}

/// Encodes as padded standard base64.
pub fn base64_standard(bytes: &[u8]) -> String {
    let mut text = encode(&alphabet::STANDARD, bytes);
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

/// Decodes standard base64, padded in full or not at all.
///
/// # Errors
/// Anything else, white space included.
pub fn from_base64_standard(text: &str) -> Result<Vec<u8>, NotBase64> {
    decode(&STANDARD, text)
}

/// Unpadded. The library's own goes eight characters at a time, for which it takes 2 kB.
fn encode(alphabet: &Alphabet, bytes: &[u8]) -> String {
    let digits = alphabet.as_str().as_bytes();
    let mut text = vec![0; (bytes.len() * 4).div_ceil(3)];
    for (chunk, places) in iter::zip(bytes.chunks(3), text.chunks_mut(4)) {
        let mut number =
            [0, 1, 2].iter().fold(0, |number, at| number << 8 | usize::from(chunk.get(*at).copied().unwrap_or(0)));
        for place in places {
            *place = digits.get(number >> 18 & 63).copied().unwrap_or_default();
            number <<= 6;
        }
    }
    // All of it is ASCII.
    String::from_utf8(text).unwrap_or_default()
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// What stands between `-----BEGIN label-----` and `-----END label-----`, decoded (RFC 7468, with lines of any length).
///
/// `None` when there is no such block, or more than white space around it, or its content is no base64.
pub fn from_pem(pem: &str, label: &str) -> Option<Vec<u8>> {
    let marker = |text: &mut &str, kind: &str| -> Option<()> {
        let rest = text.strip_prefix("-----")?.strip_prefix(kind)?.strip_prefix(' ')?;
        *text = rest.strip_prefix(label)?.strip_prefix("-----")?;
        Some(())
    };
    let mut rest = pem.trim_ascii();
    marker(&mut rest, "BEGIN")?;
    let end = rest.find('-')?;
    let (body, mut tail) = rest.split_at(end);
    marker(&mut tail, "END")?;
    if !tail.is_empty() {
        return None;
    }
    let body: String = body.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    from_base64_standard(&body).ok()
}

/// Whether a text has another in it. The standard library's search is a quick one of a kilobyte and a half, for texts that are
/// longer than any of ours.
pub(crate) fn contains(text: &str, part: &str) -> bool {
    text.as_bytes().windows(part.len()).any(|window| window == part.as_bytes())
}

/// Wraps DER as PEM under `label`, in lines of 64 characters (RFC 7468).
pub fn pem(label: &str, der: &[u8]) -> String {
    let body = base64_standard(der);
    let mut text = ["-----BEGIN ", label, "-----\n"].concat();
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str(&["-----END ", label, "-----\n"].concat());
    text
}

/// Padding is taken or left; [`decode`] refuses half of it. Non-zero trailing bits are refused, so that every value
/// has one spelling.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(false);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG.with_encode_padding(false));
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);

fn decode(engine: &GeneralPurpose, text: &str) -> Result<Vec<u8>, NotBase64> {
    if text.ends_with('=') && !text.len().is_multiple_of(4) {
        return Err(NotBase64);
    }
    engine.decode(text).map_err(|_| NotBase64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn base64url_takes_full_padding_or_none_and_nothing_else() {
        assert_eq!(from_base64url("_-8"), Ok(vec![0xff, 0xef]));
        assert_eq!(from_base64url("_-8="), Ok(vec![0xff, 0xef]));
        assert_eq!(from_base64url(""), Ok(vec![]));
        assert_eq!(from_base64url("_w=="), Ok(vec![0xff]));
        for bad in ["_w=", "_w===", "/+8", "_-8 ", " _-8", "_-8\n", "_-9", "_", "=", "====", "_-8é"] {
            assert_eq!(from_base64url(bad), Err(NotBase64), "{bad:?}");
        }
    }

    #[test]
    fn pem_survives_a_round_trip_and_crlf() {
        let der: Vec<u8> = (0..=255).collect();
        let text = pem("PUBLIC KEY", &der);
        assert_eq!(from_pem(&text, "PUBLIC KEY"), Some(der.clone()));
        assert_eq!(from_pem(&text.replace('\n', "\r\n"), "PUBLIC KEY"), Some(der));
        assert_eq!(from_pem(&text, "PRIVATE KEY"), None);
        assert_eq!(from_pem(&[&text, "x"].concat(), "PUBLIC KEY"), None);
    }
}
