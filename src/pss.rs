//! EMSA-PSS (RFC 8017 section 9.1) with SHA-384, MGF1 over SHA-384 and a salt as long as the hash: what RSABSSA-SHA384-PSS
//! encodes a message with. Only the encoding: verification is `blind_rsa_signatures`'.

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
    let db = iter::repeat_n(0, padding).chain([1]).chain(*salt);
    // 9. dbMask = MGF(H, emLen - hLen - 1)
    let mask = (0_u32..).flat_map(|counter| self::hash(&[&hash, &counter.to_be_bytes()]));
    // 10. maskedDB = DB \xor dbMask
    // 12. EM = maskedDB || H || 0xbc
    let masked = iter::zip(db, mask).map(|(byte, mask)| byte ^ mask);
    let mut encoded = Zeroizing::new(Vec::with_capacity(len));
    encoded.extend(masked.chain(hash).chain([0xbc]));
    // 11. Set the leftmost 8emLen - emBits bits of the leftmost octet in maskedDB to zero
    if let Some(first) = encoded.first_mut() {
        *first &= 0xff >> (8 * len - bits);
    }
    Some(encoded)
}

/// SHA-384 of these, one after the other.
fn hash(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut hash = Sha384::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
}
