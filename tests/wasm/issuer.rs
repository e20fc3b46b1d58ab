//! An issuer for tests in wasm: it signs with the keys of tests/vectors/issuer_keys.json, and knows its signatures again.

use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use blind_rsa_signatures::{SecretKeySha384PSSDeterministic as SecretKey, Signature};
use serde_json::{json, Value};

pub(crate) struct Issuer {
    key: SecretKey,
    token_key: String,
}

impl Issuer {
    /// With the key of that size.
    pub(crate) fn new(bits: u64) -> Self {
        let keys: Vec<Value> = serde_json::from_str(include_str!("../vectors/issuer_keys.json")).unwrap();
        let pair = keys.iter().find(|pair| pair["bits"] == bits).unwrap();
        let key = SecretKey::from_der(&decode(&pair["private_key"])).unwrap();
        Self { key, token_key: pair["token_key"].as_str().unwrap().into() }
    }

    /// The body that answers a request for a challenge by claim type.
    pub(crate) fn challenge(&self) -> String {
        let challenge = r#"{"token_type":2,"mac":"a mac","expires_at":"2999-01-01T00:00:00Z"}"#;
        let challenge = URL_SAFE_NO_PAD.encode(challenge);
        json!({ "challenge": challenge, "token-key": self.token_key, "token-key-id": "k" }).to_string()
    }

    /// The body that answers a purchase with this body.
    pub(crate) fn sign(&self, body: &str) -> String {
        let body: Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["key-id"], "k");
        let signature = self.key.blind_sign(decode(&body["blinded-token"])).unwrap();
        json!({ "blind-sig": URL_SAFE_NO_PAD.encode(signature.0) }).to_string()
    }

    /// Whether a pass is one of ours; `token_input` computes what was signed from nonce, mac and key id.
    pub(crate) fn knows(&self, pass: &str, token_input: impl Fn(&str, &str, &str) -> Vec<u8>) -> bool {
        let pass: Value = serde_json::from_slice(&decode(&pass.into())).unwrap();
        let [nonce, mac, key_id] =
            [&pass["token_nonce"], &pass["challenge"]["mac"], &pass["key_id"]].map(|text| text.as_str().unwrap());
        let input = token_input(nonce, mac, key_id);
        self.key.public_key().unwrap().verify(&Signature(decode(&pass["signature"])), None, input).is_ok()
    }
}

fn decode(text: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}
