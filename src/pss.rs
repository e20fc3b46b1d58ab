//! EMSA-PSS (RFC 8017 section 9.1) with SHA-384, MGF1 over SHA-384 and a salt as long as the hash: what RSABSSA-SHA384-PSS
//! encodes a message with.

use core::iter;

use blind_rsa_signatures::reexports::hmac_sha512::sha384::Hash as Sha384;
use zeroize::Zeroizing;

/// The length of SHA-384 and of the salt, in bytes.
pub(crate) const HASH_LEN: usize = 48;

/// EMSA-PSS-ENCODE (RFC 8017 section 9.1.1): a number below 2^`bits`, big-endian, in as many bytes as that takes. `None` when
/// they don't hold two hashes and two bytes; those of a modulus of 2048 bits do.
pub(crate) fn encode(message: &[u8], salt: &[u8; HASH_LEN], bits: usize) -> Option<Zeroizing<Vec<u8>>> {
    // 1. If the length of M is greater than the input limitation, 2^128 - 1 octets
    // 2. mHash = Hash(M)
    // 3. If emLen < hLen + sLen + 2, output "encoding error"
    let len = bits.div_ceil(8);
    let padding = len.checked_sub(2 * HASH_LEN + 2)?;
    // 4. Generate a random octet string salt of length sLen
    // 5. M' = (0x)00 00 00 00 00 00 00 00 || mHash || salt
    // 6. H = Hash(M')
    let hash = hash(&[&[0; 8], &hash(&[message]), salt]);
    // 7. Generate an octet string PS consisting of emLen - sLen - hLen - 2 zero octets
    // 8. DB = PS || 0x01 || salt
    let mut encoded = Zeroizing::new(Vec::with_capacity(len));
    encoded.resize(padding, 0);
    encoded.push(1);
    encoded.extend_from_slice(salt);
    // 9. dbMask = MGF(H, emLen - hLen - 1)
    // 10. maskedDB = DB \xor dbMask
    mask(&mut encoded, &hash);
    // 11. Set the leftmost 8emLen - emBits bits of the leftmost octet in maskedDB to zero
    if let Some(first) = encoded.first_mut() {
        *first &= 0xff >> (8 * len - bits);
    }
    // 12. EM = maskedDB || H || 0xbc
    encoded.extend_from_slice(&hash);
    encoded.push(0xbc);
    Some(encoded)
}

/// EMSA-PSS-VERIFY (RFC 8017 section 9.1.2) of a number of any length, big-endian: the salt is taken from it, and the message
/// encoded with that salt has to be the same number. That is all of what the section looks at one by one.
pub(crate) fn verify(message: &[u8], number: &[u8], bits: usize) -> bool {
    let verified = || {
        let (above, encoded) = number.split_at_checked(number.len().checked_sub(bits.div_ceil(8))?)?;
        let (masked, rest) = encoded.split_at_checked(encoded.len().checked_sub(HASH_LEN + 1)?)?;
        let mut db = masked.to_vec();
        mask(&mut db, rest.first_chunk()?);
        let salt = db.last_chunk()?;
        let expected = encode(message, salt, bits)?;
        Some(above.iter().all(|byte| *byte == 0) && *expected == encoded)
    };
    verified().unwrap_or(false)
}

/// Masks with MGF1 of a seed (RFC 8017 appendix B.2.1), or takes such a mask off.
fn mask(bytes: &mut [u8], seed: &[u8; HASH_LEN]) {
    for (counter, block) in (0_u32..).zip(bytes.chunks_mut(HASH_LEN)) {
        let mask = hash(&[seed, &counter.to_be_bytes()]);
        iter::zip(block, mask).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// SHA-384 of these, one after the other.
fn hash(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut hash = Sha384::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::test_support::test;

    const SALT: [u8; HASH_LEN] = [7; HASH_LEN];

    #[test]
    fn what_was_encoded_verifies_and_nothing_else_does() {
        // A modulus of 2048 bits has 2047 here; 2048 bits are whole bytes, one fewer than a modulus of 2049 has.
        for bits in [2047, 2048, 2049, 2055] {
            let len = (bits + 1_usize).div_ceil(8);
            let encoded = encode(b"message", &SALT, bits).unwrap();
            let mut number = vec![0; len];
            number[len - encoded.len()..].copy_from_slice(&encoded);
            assert!(verify(b"message", &number, bits) && verify(b"message", &encoded, bits));
            assert!(!verify(b"another", &number, bits) && !verify(b"message", &number, bits - 8));
            for at in 0..8 * len {
                number[at / 8] ^= 1 << (at % 8);
                assert!(!verify(b"message", &number, bits), "{bits} bits, bit {at}");
                number[at / 8] ^= 1 << (at % 8);
            }
            assert!(!verify(b"message", &vec![0; len], bits) && !verify(b"message", &number[len / 2..], bits));
        }
        assert!(!verify(b"message", &[], 2047) && !verify(b"message", &[0; 40], 319));
    }

    #[test]
    fn the_salt_is_as_long_as_the_hash() {
        // As the last one, but with a salt of another length, in front of which the padding is longer or shorter.
        for salt_len in [0, 47, 49] {
            let salt = &[7; 49][..salt_len];
            let hash = hash(&[&[0; 8], &hash(&[b"message"]), salt]);
            let db = iter::repeat_n(0, 256 - HASH_LEN - 2 - salt_len).chain([1]).chain(salt.iter().copied());
            let mut encoded: Vec<u8> = db.collect();
            mask(&mut encoded, &hash);
            encoded[0] &= 0x7f;
            encoded.extend(hash.iter().chain(&[0xbc]));
            assert!(!verify(b"message", &encoded, 2047), "{salt_len}");
        }
    }
}
