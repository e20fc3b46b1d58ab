//! As much DER as RSA keys need (X.690 sections 8 and 10; RFC 8017 appendix A.1; RFC 5280 section 4.1; RFC 5958).
//!
//! The `der` crate and its readers of keys would be a tenth of the module, half of it the texts of errors that nobody sees.

/// The object identifier 1.2.840.113549.1.1.1.
pub(crate) const RSA_ENCRYPTION: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01";
/// The object identifier 1.2.840.113549.1.1.10.
pub(crate) const RSASSA_PSS: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";

/// A SubjectPublicKeyInfo of an RSA key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RsaInfo<'a> {
    /// The algorithm's object identifier. Its parameters are not looked at.
    pub(crate) algorithm: &'a [u8],
    /// The modulus, big-endian, without leading zeros.
    pub(crate) modulus: &'a [u8],
    /// The exponent, likewise.
    pub(crate) exponent: &'a [u8],
}

impl<'a> RsaInfo<'a> {
    /// Reads one, to its last byte.
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let mut info = whole(der, SEQUENCE)?;
        let mut identifier = element(&mut info, SEQUENCE)?;
        let algorithm = element(&mut identifier, OBJECT_IDENTIFIER)?;
        if let Some((tag, _)) = identifier.split_first() {
            whole(identifier, *tag)?;
        }
        // The first byte of a bit string is how many bits of its last one do not count.
        let (unused, key) = whole(info, BIT_STRING)?.split_first()?;
        let mut key = whole(key, SEQUENCE).filter(|_| *unused == 0)?;
        let modulus = unsigned(element(&mut key, INTEGER)?)?;
        let exponent = unsigned(whole(key, INTEGER)?)?;
        Some(Self { algorithm, modulus, exponent })
    }
}

/// Wraps an RSAPrivateKey as PrivateKeyInfo, PKCS#8; `None` when it is no single sequence, or longer than 64 KiB.
pub(crate) fn pkcs8_of_rsa(key: &[u8]) -> Option<Vec<u8>> {
    whole(key, SEQUENCE)?;
    // version 0; algorithm rsaEncryption with parameters NULL
    let head = [b"\x02\x01\x00\x30\x0d\x06\x09", RSA_ENCRYPTION, b"\x05\x00"].concat();
    written(SEQUENCE, &[head, written(OCTET_STRING, key)?].concat())
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;

/// Takes the next element, which has to have this tag, off the bytes; answers its content.
fn element<'a>(bytes: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let (found, rest) = bytes.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    // A tag of several bytes is of nothing that a key has.
    if *found != tag || tag & 0x1f == 0x1f {
        return None;
    }
    let mut len = usize::from(*first);
    if len >= 0x80 {
        let count = len & 0x7f;
        if !(1..=3).contains(&count) {
            return None;
        }
        let (digits, after) = rest.split_at_checked(count)?;
        len = digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit));
        // The shortest form, and no other.
        if len < 0x80 || digits.first() == Some(&0) {
            return None;
        }
        rest = after;
    }
    let (content, after) = rest.split_at_checked(len)?;
    *bytes = after;
    Some(content)
}

/// The content of the only element.
fn whole(mut bytes: &[u8], tag: u8) -> Option<&[u8]> {
    element(&mut bytes, tag).filter(|_| bytes.is_empty())
}

/// The digits of an integer that is not negative, in the shortest form.
fn unsigned(content: &[u8]) -> Option<&[u8]> {
    match content {
        [] | [0x80..=0xff, ..] | [0, 0..=0x7f, ..] => None,
        [0, digits @ ..] if !digits.is_empty() => Some(digits),
        digits => Some(digits),
    }
}

fn written(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let [high, low] = u16::try_from(content.len()).ok()?.to_be_bytes();
    let len: &[u8] = match (high, low) {
        (0, 0..=0x7f) => &[low],
        (0, _) => &[0x81, low],
        _ => &[0x82, high, low],
    };
    Some([&[tag], len, content].concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use rsa::pkcs8::der::asn1::OctetStringRef;
    use rsa::pkcs8::der::Encode;
    use rsa::pkcs8::spki::SubjectPublicKeyInfoRef;
    use rsa::pkcs8::PrivateKeyInfoRef;

    use super::*;
    use crate::encoding::from_base64url;
    use crate::test_support::test;

    /// What the readers of the `der` crate make of the same bytes.
    fn reference(der: &[u8]) -> Option<(Vec<u8>, Vec<u8>, Vec<u8>)> {
        let info = SubjectPublicKeyInfoRef::try_from(der).ok()?;
        let key = pkcs1::RsaPublicKey::try_from(info.subject_public_key.as_bytes()?).ok()?;
        let [modulus, exponent] = [key.modulus, key.public_exponent].map(|number| number.as_bytes().to_vec());
        Some((info.algorithm.oid.as_bytes().to_vec(), modulus, exponent))
    }

    #[test]
    fn keys_are_read_as_the_der_crate_reads_them() {
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../tests/vectors/passes.json")).unwrap();
        let keys: Vec<Vec<u8>> = vectors
            .as_array()
            .unwrap()
            .iter()
            .map(|v| from_base64url(v["token_key"].as_str().unwrap()).unwrap())
            .collect();
        let mut both = 0;
        for key in &keys {
            assert!(reference(key).is_some());
            // Each byte of what frames the numbers, with each value; and each length.
            let framing: Vec<usize> = (0..key.len().min(100)).chain(key.len() - 12..key.len()).collect();
            for at in framing {
                for value in 0..=u8::MAX {
                    let mut der = key.clone();
                    der[at] = value;
                    let found = RsaInfo::read(&der);
                    let found =
                        found.map(|info| (info.algorithm.to_vec(), info.modulus.to_vec(), info.exponent.to_vec()));
                    let expected = reference(&der);
                    both += usize::from(found.is_some() && expected.is_some());
                    let rsa = |read: &Option<(Vec<u8>, _, _)>| {
                        read.as_ref().is_some_and(|(oid, ..)| [RSA_ENCRYPTION, RSASSA_PSS].contains(&oid.as_slice()))
                    };
                    // Other algorithms are refused by who asked; the parameters may be anything that is one element.
                    if rsa(&expected) || rsa(&found) && key[at] == value {
                        assert_eq!(found, expected, "{at} {value}");
                    }
                }
            }
            for len in 0..key.len() {
                assert_eq!(RsaInfo::read(&key[..len]), None);
            }
            assert_eq!(RsaInfo::read(&[key.as_slice(), &[0]].concat()), None);
        }
        assert!(both > 1000, "{both}");
    }

    #[test]
    fn pkcs8_is_written_as_the_der_crate_writes_it() {
        for len in [0, 1, 100, 125, 130, 250, 1190, 40_000] {
            let key = written(SEQUENCE, &vec![5; len]).unwrap();
            let octets = OctetStringRef::new(&key).unwrap();
            let expected = PrivateKeyInfoRef::new(pkcs1::ALGORITHM_ID, octets).to_der().unwrap();
            assert_eq!(pkcs8_of_rsa(&key), Some(expected));
        }
        assert!(pkcs8_of_rsa(b"\x30\x01").is_none() && pkcs8_of_rsa(b"").is_none());
    }
}
