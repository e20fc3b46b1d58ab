//! Idempotency keys: what makes a retry the same call (docs/protocol.md, "Retries").

use blind_rsa_signatures::reexports::hmac_sha256::HMAC;

use crate::encoding::hex;
use crate::identifiers::RelayToken;
use crate::secret::{PrivacyPassToken, RelaySecret, SecretBytes};

/// An idempotency key: 122 bits spelled as a version-4 UUID, so that it looks like everybody's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// For a purchase: fresh randomness. A purchase is repeated from what was kept of it, so nothing needs to find the
    /// key again; and a key that followed from the relay would link the purchase with the redemption.
    pub fn for_purchase(random: [u8; 16]) -> Self {
        Self::from_bytes(random)
    }

    /// For a purchase that is written down: follows from the deployment's secret and from what the purchase is for, which
    /// are in `seed`, so that even a lost record does not buy twice while the upstream remembers the key. `attempt` grows
    /// only with a definitive refusal's or an operator's leave.
    pub fn for_kept_purchase(seed: &SecretBytes, attempt: u32) -> Self {
        let mut mac = HMAC::new(seed.expose());
        mac.update("issue.v1".as_bytes());
        mac.update(attempt.to_be_bytes());
        Self::from_mac(mac)
    }

    /// A key that was written down.
    pub fn kept(text: &str) -> Self {
        Self(text.into())
    }

    /// For a redemption: follows from the relay and the pass, so that a retry in another process, which remembers
    /// nothing, still repeats the first call instead of spending the pass a second time.
    ///
    /// `HMAC-SHA-256(relay secret, "redeem.v1" || relay token || pass || attempt)`, each text after its length. All of it travels on
    /// the redemption itself, so the key tells the upstream nothing new; the relay secret keeps others from guessing it.
    /// `attempt` is 0 where no record is kept; else see [`crate::redemption`].
    pub fn for_redemption(
        relay_token: &RelayToken,
        secret: &RelaySecret,
        pass: &PrivacyPassToken,
        attempt: u32,
    ) -> Self {
        let mut mac = HMAC::new(secret.expose().as_bytes());
        for part in ["redeem.v1", relay_token.as_str(), pass.expose()] {
            mac.update((part.len() as u64).to_be_bytes());
            mac.update(part.as_bytes());
        }
        mac.update(attempt.to_be_bytes());
        Self::from_mac(mac)
    }

    /// The key as it travels, 36 characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_mac(mac: HMAC) -> Self {
        let mut bytes = [0; 16];
        bytes.iter_mut().zip(mac.finalize()).for_each(|(byte, drawn)| *byte = drawn);
        Self::from_bytes(bytes)
    }

    fn from_bytes(mut bytes: [u8; 16]) -> Self {
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = *version & 0x0f | 0x40;
        *variant = *variant & 0x3f | 0x80;
        let digits = hex(&bytes);
        let mut text = String::with_capacity(36);
        for (at, digit) in digits.chars().enumerate() {
            if matches!(at, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        Self(text)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::test_support::test;

    #[test]
    fn keys_are_version_4_uuids() {
        let key = IdempotencyKey::for_purchase([0xff; 16]);
        assert_eq!(key.as_str(), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(IdempotencyKey::for_purchase([0; 16]).as_str(), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn a_redemption_key_follows_from_everything_that_makes_the_call_and_nothing_else() {
        let key = |token: &str, secret: &str, pass: &str, attempt| {
            let (token, secret) = (RelayToken::parse(token).unwrap(), RelaySecret::parse(secret).unwrap());
            IdempotencyKey::for_redemption(&token, &secret, &PrivacyPassToken::parse(pass).unwrap(), attempt)
        };
        let first = key("relay_a", "s", "cGFzczE", 0);
        assert_eq!(first, key("relay_a", "s", "cGFzczE", 0));
        for other in [
            key("relay_b", "s", "cGFzczE", 0),
            key("relay_a", "t", "cGFzczE", 0),
            key("relay_a", "s", "cGFzczI", 0),
            key("relay_a", "s", "cGFzczE", 1),
            key("relay_acGFz", "s", "czEA", 0),
        ] {
            assert_ne!(first, other);
        }
    }
}
