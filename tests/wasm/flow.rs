//! From the challenge to the claim with fresh randomness, every record read back from its text before it is used again.

use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;
use relay_edge::api::{self, GeneratedClaim, Response};
use relay_edge::claim::Claim;
use relay_edge::idempotency::IdempotencyKey;
use relay_edge::identifiers::{ClaimType, RelayToken};
use relay_edge::pass::{PendingPass, TokenInput};
use relay_edge::purchase::{self, Purchase};
use relay_edge::redemption::{self, Redemption};
use relay_edge::secret::{ApiKey, PrivacyPassToken, RelaySecret};
use relay_edge::Error;
use serde::{de::DeserializeOwned, Serialize};

use crate::issuer::Issuer;
use crate::test_support::test;

const NOW: i64 = 1_795_235_460;

/// As a store gives it back.
fn stored<R: Serialize + DeserializeOwned + PartialEq>(record: &R) -> R {
    let read = serde_json::from_str(&serde_json::to_string(record).unwrap()).unwrap();
    assert!(read == *record);
    read
}

fn ok(body: String) -> Response {
    Response { status: 200, body, ..Response::default() }
}

/// Buys a pass from an issuer whose first answer does not arrive, and answers the bodies that it was sent.
fn buy(issuer: &Issuer) -> (PrivacyPassToken, Vec<String>) {
    let claim_type = ClaimType::parse("age_over18_germany").unwrap();
    let api_key = ApiKey::parse("persona_sandbox_test").unwrap();
    let (mut record, mut event) = (Purchase::default(), purchase::Event::Called { now: NOW });
    let mut sends = Vec::new();
    loop {
        let (next, effect) = purchase::advance(record, event);
        record = stored(&next);
        event = match effect {
            purchase::Effect::Prepare => {
                let asked = api::challenge_by_claim_type(&claim_type, true);
                assert_eq!(asked.body, r#"{"claim-type":"age_over18_germany","sandbox":true}"#);
                let offer = api::challenge_by_claim_type_answer(&ok(issuer.challenge()), NOW).unwrap();
                let pending = PendingPass::blind(offer, &mut UnwrapErr(SysRng)).unwrap();
                let idempotency_key = IdempotencyKey::for_purchase([7; 16]).as_str().into();
                purchase::Event::Prepared { attempt: 0, pending_pass: pending.to_text(), idempotency_key, now: NOW }
            }
            purchase::Effect::Send(sent) => {
                let pending = PendingPass::from_text(&sent.pending_pass).unwrap();
                let key = IdempotencyKey::kept(&sent.idempotency_key);
                let request = api::purchase(pending.blinded_token(), pending.key_id(), &api_key, &key, None);
                let answer = ok(issuer.sign(&request.body));
                sends.push(request.body);
                let answer = match sends.len() {
                    1 => Err(Error::Transport),
                    _ => api::purchase_answer(&answer, pending.modulus_len(), NOW)
                        .and_then(|signature| pending.finalize(&signature)),
                };
                purchase::Event::Answered { attempt: 0, answer, now: NOW }
            }
            purchase::Effect::Unsettled(_) => purchase::Event::Again { now: NOW },
            purchase::Effect::Done(pass) => return (pass.unwrap(), sends),
        };
    }
}

/// Redeems a pass at an upstream whose first answer does not arrive, and answers the idempotency keys that it was sent.
fn redeem(issuer: &Issuer, pass: &PrivacyPassToken) -> (GeneratedClaim, Vec<String>) {
    let token = RelayToken::parse("relay_test").unwrap();
    let secret = RelaySecret::parse("a-secret").unwrap();
    let (mut record, mut event) = (Redemption::new(pass.expose().into()), redemption::Event::Called { now: NOW });
    let mut sends = Vec::new();
    loop {
        let (next, effect) = redemption::advance(record, event);
        record = stored(&next);
        event = match effect {
            redemption::Effect::Send { attempt, .. } => {
                let bound = PrivacyPassToken::parse(record.pass.as_str()).unwrap();
                let key = IdempotencyKey::for_redemption(&token, &secret, &bound, attempt);
                let request = api::redeem(&token, &secret, &bound, &key);
                let header = |name| request.headers.iter().find(|(found, _)| *found == name).unwrap().1.as_str();
                let spent = header("authorization").strip_prefix("PrivateToken token=").unwrap();
                assert!(issuer.knows(spent, |nonce, mac, key_id| TokenInput::new(nonce, mac, key_id).as_bytes().into()));
                sends.push(header("idempotency-key").to_owned());
                let answer = match sends.len() {
                    1 => Err(Error::Timeout),
                    _ => {
                        let payload = r#"{"claim_type":"age_over18_germany","claim_result":"passed"}"#;
                        let body = serde_json::json!({ "claim-payload": payload, "token-consumed": true });
                        api::redeem_answer(&ok(body.to_string()), NOW)
                    }
                };
                redemption::Event::Answered { attempt, answer, now: NOW }
            }
            redemption::Effect::Unsettled(_) => redemption::Event::Again { now: NOW },
            redemption::Effect::Done(claim) => return (claim.unwrap(), sends),
        };
    }
}

fn from_challenge_to_claim(bits: u64) {
    let issuer = Issuer::new(bits);
    let (pass, bodies) = buy(&issuer);
    assert_eq!(bodies, [bodies[0].as_str(); 2], "the same bytes are sent again");
    let (claim, keys) = redeem(&issuer, &pass);
    assert_eq!(keys, [keys[0].as_str(); 2], "the same key is sent again");
    assert!(claim.token_consumed);
    assert!(Claim::parse(&claim.claim_payload).unwrap().passed);
    assert_ne!(buy(&issuer).0, pass, "every pass is drawn anew");
}

#[test]
fn from_challenge_to_claim_with_2048_bits() {
    from_challenge_to_claim(2048);
}

#[test]
fn from_challenge_to_claim_with_3072_bits() {
    from_challenge_to_claim(3072);
}

#[test]
fn from_challenge_to_claim_with_4096_bits() {
    from_challenge_to_claim(4096);
}

#[test]
fn a_record_of_another_version_is_not_read() {
    let text = serde_json::to_string(&Purchase::default()).unwrap();
    assert!(serde_json::from_str::<Purchase>(&text).is_ok());
    assert!(serde_json::from_str::<Purchase>(&text.replace("\"v\":1", "\"v\":2")).is_err());
}
