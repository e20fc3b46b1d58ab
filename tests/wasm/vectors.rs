//! The known answers, through the public interface.

use relay_edge::challenge::Offer;
use relay_edge::encoding::from_base64url;
use relay_edge::idempotency::IdempotencyKey;
use relay_edge::identifiers::RelayToken;
use relay_edge::pass::{PendingPass, TokenInput};
use relay_edge::secret::RelaySecret;
use serde_json::Value;

use crate::test_support::{test, unhex, Replay};

#[test]
fn passes_of_every_modulus_come_out_to_the_byte() {
    let vectors: Vec<Value> = serde_json::from_str(include_str!("../vectors/passes.json")).unwrap();
    for vector in &vectors {
        let text = |name: &str| vector[name].as_str().unwrap();
        let offer = Offer::new(text("challenge"), text("token_key"), text("token_key_id").into(), 0).unwrap();
        let input = TokenInput::new(text("nonce"), offer.challenge.mac(), text("token_key_id"));
        assert_eq!(input.as_bytes(), unhex(text("token_input")));
        let factor = unhex(text("blinding_factor")).into_iter().rev().collect();
        let mut drawn = Replay::new([unhex(text("nonce")), unhex(text("salt")), factor]);
        let pending = PendingPass::blind(offer, &mut drawn).unwrap();
        assert_eq!(pending.blinded_token().to_base64url(), text("blinded_token"));
        let kept = PendingPass::from_text(&pending.to_text()).unwrap();
        let pass = kept.finalize(&from_base64url(text("blind_sig")).unwrap()).unwrap();
        assert_eq!(pass.expose(), text("privacy_pass_token"));
        let relay_token = RelayToken::parse(text("relay_token")).unwrap();
        let relay_secret = RelaySecret::parse(text("relay_secret")).unwrap();
        for (attempt, key) in (0..).zip(vector["redeem_idempotency_keys"].as_array().unwrap()) {
            let found = IdempotencyKey::for_redemption(&relay_token, &relay_secret, &pass, attempt);
            assert_eq!(found.as_str(), key.as_str().unwrap());
        }
    }
    assert_eq!(vectors.len(), 15);
}
