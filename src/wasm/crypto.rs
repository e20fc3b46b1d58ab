//! Randomness and RSA-OAEP by WebCrypto.

use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;
use js_sys::{Array, ArrayBuffer, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Crypto, CryptoKeyPair, SubtleCrypto};
use zeroize::Zeroizing;

use super::error::Failure;
use super::out::{set, to_js};
use super::run::{Job, Step, Told};
use crate::claim::ClaimError;
use crate::encoding::{self, from_base64_standard};
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

/// `decryptClaim`: RSA-OAEP with SHA-1, as the vendor does it, then with SHA-256.
pub(super) struct Decrypting {
    ciphertext: Vec<u8>,
    pkcs8: SecretBytes,
    /// Those still to be tried, the next one last.
    hashes: Vec<&'static str>,
    at: Decryption,
}

enum Decryption {
    Start,
    Key,
    Claim,
}

impl Decrypting {
    /// # Errors
    /// [`Error::Claim`], [`Error::PrivateKey`].
    pub(super) fn new(payload: &str, private_key_pem: &str) -> Result<Self, Error> {
        let payload: String = payload.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        if payload.starts_with('{') {
            return Err(Error::Claim(ClaimError::NotEncrypted));
        }
        let ciphertext = from_base64_standard(&payload).map_err(|_| Error::Claim(ClaimError::Malformed))?;
        let pkcs8 = private_key_pkcs8(private_key_pem)?;
        Ok(Self { ciphertext, pkcs8, hashes: vec!["SHA-256", "SHA-1"], at: Decryption::Start })
    }

    fn import(&mut self) -> Result<Step, Failure> {
        let hash = self.hashes.pop().ok_or(Error::ClaimDecryption)?;
        self.at = Decryption::Key;
        let der = Uint8Array::from(self.pkcs8.expose());
        let usages = Array::of1(&"decrypt".into());
        let key = subtle().import_key_with_object("pkcs8", &der, &algorithm(hash), false, &usages);
        key.map(Step::Wait).map_err(|_| Error::PrivateKey.into())
    }
}

impl Job for Decrypting {
    /// Ends with the claim.
    ///
    /// # Errors
    /// [`Error::PrivateKey`], [`Error::ClaimDecryption`], [`Error::Claim`].
    fn step(&mut self, told: Told) -> Result<Step, Failure> {
        match self.at {
            Decryption::Start => self.import(),
            Decryption::Key => {
                let key = told.map_err(|_| Error::PrivateKey)?.unchecked_into();
                self.at = Decryption::Claim;
                let data = Uint8Array::from(self.ciphertext.as_slice());
                match subtle().decrypt_with_str_and_js_u8_array("RSA-OAEP", &key, &data) {
                    Ok(promise) => Ok(Step::Wait(promise)),
                    Err(_) => self.import(),
                }
            }
            Decryption::Claim => match told {
                Ok(plaintext) => {
                    let claim =
                        String::from_utf8(bytes(&plaintext)).map_err(|_| Error::Claim(ClaimError::Malformed))?;
                    Ok(Step::End(claim.into()))
                }
                Err(_) => self.import(),
            },
        }
    }
}

/// `generateEncryptionKeyPair`: a fresh RSA key pair as PEM, SubjectPublicKeyInfo and PKCS#8.
pub(super) struct Generating {
    modulus_bits: u32,
    pair: Option<CryptoKeyPair>,
    public: Option<Vec<u8>>,
}

impl Generating {
    pub(super) fn new(modulus_bits: u32) -> Self {
        Self { modulus_bits, pair: None, public: None }
    }

    fn begin(&self) -> Result<Promise, JsValue> {
        let algorithm = algorithm("SHA-1");
        set(&algorithm, "modulusLength", &self.modulus_bits.into());
        set(&algorithm, "publicExponent", &Uint8Array::from([1, 0, 1].as_slice()));
        let usages = Array::of2(&"encrypt".into(), &"decrypt".into());
        subtle().generate_key_with_object(&algorithm, true, &usages)
    }

    fn go_on(&mut self, told: Told) -> Result<Promise, JsValue> {
        let value = told?;
        if let Some(pair) = &self.pair {
            self.public = Some(bytes(&value));
            return subtle().export_key("pkcs8", &pair.get_private_key());
        }
        if value.is_undefined() {
            return self.begin();
        }
        let pair: CryptoKeyPair = value.unchecked_into();
        let exported = subtle().export_key("spki", &pair.get_public_key())?;
        self.pair = Some(pair);
        Ok(exported)
    }
}

impl Job for Generating {
    /// # Errors
    /// [`Error::Internal`] when the runtime's WebCrypto has no RSA-OAEP.
    fn step(&mut self, told: Told) -> Result<Step, Failure> {
        let failed = |_| Error::Internal("this runtime's WebCrypto can't make an RSA key pair");
        let Some(public) = &self.public else { return Ok(Step::Wait(self.go_on(told).map_err(failed)?)) };
        let private = SecretBytes::new(bytes(&told.map_err(failed)?));
        let private = Zeroizing::new(encoding::pem("PRIVATE KEY", private.expose()));
        let public = encoding::pem("PUBLIC KEY", public);
        let members = [("encryptionKeyPem", public.as_str().into()), ("privateKeyPem", private.as_str().into())];
        to_js(&members).map(Step::End)
    }
}

fn algorithm(hash: &str) -> Object {
    let algorithm = Object::new();
    set(&algorithm, "name", &"RSA-OAEP".into());
    set(&algorithm, "hash", &hash.into());
    algorithm
}

fn subtle() -> SubtleCrypto {
    CRYPTO.with(Crypto::subtle)
}

fn bytes(buffer: &JsValue) -> Vec<u8> {
    Uint8Array::new(buffer.unchecked_ref::<ArrayBuffer>()).to_vec()
}
