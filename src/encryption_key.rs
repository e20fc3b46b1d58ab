//! The key pair that a platform has its claims encrypted to.

use zeroize::Zeroizing;

use crate::der::pkcs8_of_rsa;
use crate::encoding::{contains, from_pem};
use crate::error::Error;
use crate::issuer_key::rsa_modulus_bits;
use crate::secret::SecretBytes;

/// An RSA public key in PEM (SPKI), 2048 to 4096 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionKey(String);

impl EncryptionKey {
    /// Takes PEM text as it is, when it holds such a key.
    ///
    /// # Errors
    /// [`Error::Parameter`] naming `encryption-key-pem`.
    pub fn parse(pem: impl Into<String>) -> Result<Self, Error> {
        let pem = pem.into();
        let problem = |problem| Error::Parameter { field: "encryption-key-pem", problem };
        let Some(der) = from_pem(&pem, "PUBLIC KEY") else {
            return Err(problem(if contains(&pem, "PRIVATE KEY") {
                "holds a private key: keep it, and send the public one"
            } else if contains(&pem, "BEGIN RSA PUBLIC KEY") {
                "is PKCS#1: turn it into SPKI with `openssl rsa -RSAPublicKey_in -in key.pem -pubout`"
            } else {
                "must be an RSA public key in PEM, from BEGIN PUBLIC KEY to END PUBLIC KEY"
            }));
        };
        match rsa_modulus_bits(&der) {
            Some(2048..=4096) => Ok(Self(pem)),
            Some(_) => Err(problem("must have 2048 to 4096 bits")),
            None => Err(problem("must be an RSA public key")),
        }
    }

    /// The PEM text, unchanged.
    pub fn as_pem(&self) -> &str {
        &self.0
    }
}

/// Reads an RSA private key from PEM, PKCS#8 or PKCS#1, and answers it as DER PKCS#8, which is what WebCrypto takes.
///
/// # Errors
/// [`Error::PrivateKey`].
pub fn private_key_pkcs8(pem: &str) -> Result<SecretBytes, Error> {
    if let Some(der) = from_pem(pem, "PRIVATE KEY") {
        return Ok(SecretBytes::new(der));
    }
    let pkcs1 = Zeroizing::new(from_pem(pem, "RSA PRIVATE KEY").ok_or(Error::PrivateKey)?);
    pkcs8_of_rsa(&pkcs1).map(SecretBytes::new).ok_or(Error::PrivateKey)
}
