//! Randomness and RSA-OAEP by WebCrypto.

use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;
use js_sys::{Array, ArrayBuffer, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, CryptoKeyPair, SubtleCrypto};

use crate::claim::ClaimError;
use crate::encoding::from_base64_standard;
use crate::encryption_key::private_key_pkcs8;
use crate::error::Error;
use crate::secret::SecretBytes;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(thread_local_v2, js_name = crypto)]
    static CRYPTO: Crypto;
}

/// The runtime's randomness, `crypto.getRandomValues`. A runtime without it traps, which js/guard.js turns into an error.
pub(super) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

/// Fresh random bytes.
pub(super) fn random_bytes<const N: usize>() -> [u8; N] {
    use getrandom::rand_core::Rng;
    let mut bytes = [0; N];
    rng().fill_bytes(&mut bytes);
    bytes
}

/// A random number, for jitter.
pub(super) fn random_number() -> u32 {
    u32::from_ne_bytes(random_bytes())
}

/// Decrypts a claim payload: RSA-OAEP with SHA-1, as the vendor does it, then with SHA-256.
///
/// # Errors
/// [`Error::Claim`], [`Error::PrivateKey`], [`Error::ClaimDecryption`].
pub(super) async fn decrypt_claim(payload: &str, private_key_pem: &str) -> Result<String, Error> {
    let payload: String = payload.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if payload.starts_with('{') {
        return Err(Error::Claim(ClaimError::NotEncrypted));
    }
    let ciphertext = from_base64_standard(&payload).map_err(|_| Error::Claim(ClaimError::Malformed))?;
    let pkcs8 = private_key_pkcs8(private_key_pem)?;
    for hash in ["SHA-1", "SHA-256"] {
        let key = import_private_key(&pkcs8, hash).await.map_err(|_| Error::PrivateKey)?;
        if let Ok(plaintext) = decrypt(&key, &ciphertext).await {
            return String::from_utf8(plaintext).map_err(|_| Error::Claim(ClaimError::Malformed));
        }
    }
    Err(Error::ClaimDecryption)
}

/// A fresh RSA key pair as DER: SubjectPublicKeyInfo and PKCS#8.
///
/// # Errors
/// [`Error::Internal`] when the runtime's WebCrypto has no RSA-OAEP.
pub(super) async fn generate_key_pair(modulus_bits: u32) -> Result<(Vec<u8>, SecretBytes), Error> {
    let generate = async {
        let algorithm = algorithm("SHA-1");
        set(&algorithm, "modulusLength", &modulus_bits.into());
        set(&algorithm, "publicExponent", &Uint8Array::from([1, 0, 1].as_slice()));
        let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
        let pair: CryptoKeyPair =
            done(subtle().generate_key_with_object(&algorithm, true, &usages)?).await?.unchecked_into();
        let public = bytes(done(subtle().export_key("spki", &pair.get_public_key())?).await?);
        let private = bytes(done(subtle().export_key("pkcs8", &pair.get_private_key())?).await?);
        Ok::<_, JsValue>((public, SecretBytes::new(private)))
    };
    generate.await.map_err(|_| Error::Internal("this runtime's WebCrypto can't make an RSA key pair"))
}

async fn import_private_key(pkcs8: &SecretBytes, hash: &str) -> Result<CryptoKey, JsValue> {
    let der = Uint8Array::from(pkcs8.expose());
    let usages = Array::of1(&"decrypt".into());
    let key = subtle().import_key_with_object("pkcs8", &der, &algorithm(hash), false, &usages)?;
    Ok(done(key).await?.unchecked_into())
}

async fn decrypt(key: &CryptoKey, ciphertext: &[u8]) -> Result<Vec<u8>, JsValue> {
    let data = Uint8Array::from(ciphertext);
    let plaintext = subtle().decrypt_with_str_and_js_u8_array("RSA-OAEP", key, &data)?;
    Ok(bytes(done(plaintext).await?))
}

fn algorithm(hash: &str) -> Object {
    let algorithm = Object::new();
    set(&algorithm, "name", &"RSA-OAEP".into());
    set(&algorithm, "hash", &hash.into());
    algorithm
}

fn set(object: &Object, name: &str, value: &JsValue) {
    // A fresh plain object takes every property.
    let _ = Reflect::set(object, &name.into(), value);
}

fn subtle() -> SubtleCrypto {
    CRYPTO.with(Crypto::subtle)
}

async fn done(promise: impl Into<Promise>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise.into()).await
}

fn bytes(buffer: JsValue) -> Vec<u8> {
    Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>()).to_vec()
}
