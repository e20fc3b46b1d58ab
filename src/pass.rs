//! The pass: nonce, token input, and the JSON that is spent (docs/protocol.md, "The cryptography").

use blind_rsa_signatures::reexports::hmac_sha256::Hash as Sha256;
use rsa::rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::blind::{blind, finalize, BlindedToken};
use crate::challenge::{Challenge, Offer};
use crate::encoding::{base64url, from_base64url, hex};
use crate::error::Error;
use crate::issuer_key::IssuerKey;
use crate::json::{Object, Writer};
use crate::secret::{PrivacyPassToken, SecretBytes};

/// What gets signed, 98 bytes: `0x0002 || SHA-256(nonce) || SHA-256(mac) || SHA-256(token-key-id)`, each hash over the
/// UTF-8 bytes of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenInput([u8; 98]);

impl TokenInput {
    /// Computes it from the three texts.
    pub fn new(nonce: &str, mac: &str, key_id: &str) -> Self {
        let mut bytes = [0; 98];
        let (kind, hashes) = bytes.split_at_mut(2);
        kind.copy_from_slice(&[0, 2]);
        for (place, text) in hashes.chunks_exact_mut(32).zip([nonce, mac, key_id]) {
            place.copy_from_slice(&Sha256::hash(text.as_bytes()));
        }
        Self(bytes)
    }

    /// The 98 bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A pass between its purchase and its signature: everything that is needed to repeat the one and use the other.
///
/// Secret: whoever has it can link the pass with its purchase. It can be kept as text, see [`to_text`](Self::to_text).
pub struct PendingPass {
    challenge: Challenge,
    issuer_key: IssuerKey,
    issuer_key_text: String,
    key_id: String,
    nonce: Zeroizing<String>,
    inverse: SecretBytes,
    blinded_token: BlindedToken,
}

impl PendingPass {
    /// Draws a nonce and blinds its token input for an offer.
    ///
    /// `rng` is asked for 32 bytes of nonce, then as [`blind`] asks.
    ///
    /// # Errors
    /// Those of [`Offer::check_key_id`] and of [`blind`].
    pub fn blind<R: CryptoRng + ?Sized>(offer: Offer, rng: &mut R) -> Result<Self, Error> {
        offer.check_key_id()?;
        let mut nonce = Zeroizing::new([0; 32]);
        rng.fill_bytes(nonce.as_mut());
        let nonce = Zeroizing::new(hex(nonce.as_ref()));
        let token_input = TokenInput::new(&nonce, offer.challenge.mac(), &offer.key_id);
        let (blinded_token, inverse) = blind(&offer.issuer_key, &token_input, rng)?;
        let Offer { challenge, issuer_key, issuer_key_text, key_id, .. } = offer;
        Ok(Self { challenge, issuer_key, issuer_key_text, key_id, nonce, inverse, blinded_token })
    }

    /// What the purchase sends as `blinded-token`.
    pub fn blinded_token(&self) -> &BlindedToken {
        &self.blinded_token
    }

    /// What the purchase sends as `key-id`.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// The length that the blind signature must have, in bytes.
    pub fn modulus_len(&self) -> usize {
        self.issuer_key.modulus_len()
    }

    /// Finalizes the blind signature and assembles the pass.
    ///
    /// # Errors
    /// [`Error::BlindSignature`] when it does not verify. Nothing else: by now it was billed.
    pub fn finalize(&self, blind_signature: &[u8]) -> Result<PrivacyPassToken, Error> {
        let token_input = TokenInput::new(&self.nonce, self.challenge.mac(), &self.key_id);
        let signature = finalize(&self.issuer_key, &token_input, &self.inverse, blind_signature)?;
        let pass = Writer::new().text("token_nonce", &self.nonce).text("signature", &base64url(&signature));
        let pass = pass.text("key_id", &self.key_id).json("challenge", self.challenge.as_json());
        let json = Zeroizing::new(pass.end());
        PrivacyPassToken::parse(base64url(json.as_bytes())).map_err(|_| Error::BlindSignature)
    }

    /// The pending pass as text that [`from_text`](Self::from_text) reads: base64url of versioned JSON.
    pub fn to_text(&self) -> String {
        let kept = Writer::new().number("v", VERSION).text("challenge", self.challenge.as_json());
        let kept =
            kept.text("token_key", &self.issuer_key_text).text("key_id", &self.key_id).text("nonce", &self.nonce);
        let kept = kept.text("inverse", &base64url(self.inverse.expose()));
        let kept = Zeroizing::new(kept.text("blinded_token", &self.blinded_token.to_base64url()).end());
        base64url(kept.as_bytes())
    }

    /// Reads what [`to_text`](Self::to_text) wrote. The challenge may have expired since: it was bought in time.
    ///
    /// # Errors
    /// [`Error::PendingPass`].
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let read = || -> Option<Self> {
            let json = Zeroizing::new(from_base64url(text).ok()?);
            let kept = Object::read(core::str::from_utf8(&json).ok()?)?;
            if kept.number("v")? != VERSION {
                return None;
            }
            let nonce = Zeroizing::new(kept.text("nonce")?);
            let issuer_key_text = kept.text("token_key")?;
            let issuer_key = IssuerKey::from_base64url(&issuer_key_text).ok()?;
            let inverse = SecretBytes::new(from_base64url(&Zeroizing::new(kept.text("inverse")?)).ok()?);
            let blinded_token = BlindedToken::from_base64url(&kept.text("blinded_token")?)?;
            let lengths = [inverse.expose().len(), blinded_token.as_bytes().len()];
            let whole = nonce.len() == 64 && lengths == [issuer_key.modulus_len(); 2];
            if !whole {
                return None;
            }
            Some(Self {
                challenge: Challenge::from_json(&kept.text("challenge")?, i64::MIN).ok()?,
                issuer_key,
                issuer_key_text,
                key_id: kept.text("key_id")?,
                nonce,
                inverse,
                blinded_token,
            })
        };
        read().ok_or(Error::PendingPass)
    }
}

const VERSION: i64 = 1;

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::idempotency::IdempotencyKey;
    use crate::identifiers::RelayToken;
    use crate::secret::RelaySecret;
    use crate::test_support::{test, unhex, Replay};

    fn vectors() -> Vec<Value> {
        serde_json::from_str(include_str!("../tests/vectors/passes.json")).unwrap()
    }

    fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
        vector[name].as_str().unwrap()
    }

    fn offer(vector: &Value) -> Offer {
        let [challenge, token_key, key_id] = ["challenge", "token_key", "token_key_id"].map(|name| text(vector, name));
        Offer::new(challenge, token_key, key_id.into(), 0).unwrap()
    }

    fn pending(vector: &Value) -> PendingPass {
        let factor = unhex(text(vector, "blinding_factor")).into_iter().rev().collect();
        let drawn = [unhex(text(vector, "nonce")), unhex(text(vector, "salt")), factor];
        PendingPass::blind(offer(vector), &mut Replay::new(drawn)).unwrap()
    }

    #[test]
    fn every_byte_is_as_openssl_and_hand_made_arithmetic_have_it() {
        for vector in vectors() {
            let pending = pending(&vector);
            let input = TokenInput::new(text(&vector, "nonce"), pending.challenge.mac(), pending.key_id());
            assert_eq!(input.as_bytes(), unhex(text(&vector, "token_input")));
            assert_eq!(pending.blinded_token().to_base64url(), text(&vector, "blinded_token"));
            let pass = pending.finalize(&from_base64url(text(&vector, "blind_sig")).unwrap()).unwrap();
            assert_eq!(pass.expose(), text(&vector, "privacy_pass_token"));
            let relay_token = RelayToken::parse(text(&vector, "relay_token")).unwrap();
            let relay_secret = RelaySecret::parse(text(&vector, "relay_secret")).unwrap();
            for attempt in 0..2 {
                let key = IdempotencyKey::for_redemption(&relay_token, &relay_secret, &pass, attempt);
                assert_eq!(key.as_str(), vector["redeem_idempotency_keys"][attempt as usize].as_str().unwrap());
            }
        }
    }

    #[test]
    fn a_pending_pass_survives_as_text_and_not_if_it_was_changed() {
        for vector in vectors() {
            let kept = pending(&vector).to_text();
            let read = PendingPass::from_text(&kept).unwrap();
            assert_eq!(read.blinded_token().to_base64url(), text(&vector, "blinded_token"));
            let pass = read.finalize(&from_base64url(text(&vector, "blind_sig")).unwrap()).unwrap();
            assert_eq!(pass.expose(), text(&vector, "privacy_pass_token"));
            let json = String::from_utf8(from_base64url(&kept).unwrap()).unwrap();
            for (old, new) in
                [("\"v\":1", "\"v\":2"), ("\"nonce\":\"", "\"nonce\":\"0"), ("\"inverse\":\"", "\"inverse\":\"AAAA")]
            {
                assert!(json.contains(old));
                assert!(PendingPass::from_text(&base64url(json.replacen(old, new, 1).as_bytes())).is_err());
            }
            assert!(PendingPass::from_text(&kept[1..]).is_err());
        }
    }

    #[test]
    fn a_pass_that_was_billed_and_is_too_long_to_be_spent_is_as_one_whose_signature_is_wrong() {
        let vector = &vectors()[0];
        let good = from_base64url(text(vector, "blind_sig")).unwrap();
        let json = String::from_utf8(from_base64url(&pending(vector).to_text()).unwrap()).unwrap();
        for (padding, is_short) in [(10, true), (60_000, false)] {
            let longer = format!(r#""challenge":"{{\"padding\":\"{}\","#, "x".repeat(padding));
            let kept = json.replacen(r#""challenge":"{"#, &longer, 1);
            let finalized = PendingPass::from_text(&base64url(kept.as_bytes())).unwrap().finalize(&good);
            assert_eq!(finalized.map(|_| is_short), if is_short { Ok(true) } else { Err(Error::BlindSignature) });
        }
    }

    #[test]
    fn a_wrong_signature_is_found_out_whatever_its_size() {
        let vector = &vectors()[0];
        let good = from_base64url(text(vector, "blind_sig")).unwrap();
        let flip = |at: usize| {
            let mut changed = good.clone();
            changed[at] ^= 1;
            changed
        };
        let other = from_base64url(text(&vectors()[1], "blind_sig")).unwrap();
        let longer = [&[0], good.as_slice()].concat();
        for bad in [flip(0), flip(255), vec![0; 256], vec![0xff; 256], other, good[1..].to_vec(), longer, vec![]] {
            assert_eq!(pending(vector).finalize(&bad).unwrap_err(), Error::BlindSignature);
        }
    }
}
