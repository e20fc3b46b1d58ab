//! Our own blinding and unblinding against those of `blind-rsa-signatures`, over the same randomness.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used)]

use blind_rsa_signatures::reexports::crypto_bigint::{BoxedUint, Gcd, NonZero, RandomBits, RandomMod};
use blind_rsa_signatures::{BlindMessage, BlindSignature, BlindingResult, DefaultRng, Secret};
use blind_rsa_signatures::{Deterministic, PublicKey, SecretKey, Sha384, PSS};
use relay_edge::blind::{blind, finalize};
use relay_edge::issuer_key::IssuerKey;
use relay_edge::pass::TokenInput;
use relay_edge::Error;
use rsa::pkcs8::EncodePublicKey;
use rsa::rand_core::Rng;
use rsa::traits::PublicKeyParts;
use rsa::{RsaPrivateKey, RsaPublicKey};

use test_support::Replay;

#[allow(dead_code, unused_imports)]
#[path = "../src/test_support.rs"]
mod test_support;

/// The same key, as both take it.
struct Key {
    ours: IssuerKey,
    theirs: PublicKey<Sha384, PSS, Deterministic>,
}

impl Key {
    fn of(key: RsaPublicKey) -> Self {
        let ours = IssuerKey::from_der(key.to_public_key_der().unwrap().as_bytes()).unwrap();
        Self { ours, theirs: PublicKey::new(key) }
    }

    fn n(&self) -> &NonZero<BoxedUint> {
        self.theirs.as_ref().n()
    }
}

fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    DefaultRng.fill_bytes(&mut bytes);
    bytes
}

fn random_input() -> TokenInput {
    let [nonce, mac, id] = random_bytes::<3>();
    TokenInput::new(&nonce.to_string(), &mac.to_string(), &id.to_string())
}

/// An odd exponent from 3 to 2^33, of any length.
fn random_exponent() -> BoxedUint {
    let [bits] = random_bytes::<1>();
    let e = u64::from_le_bytes(random_bytes()) >> (31 + u32::from(bits) % 31) | 1;
    e.max(3).into()
}

/// As it is drawn: as many bytes as the modulus has, the lowest first.
fn drawn(number: &BoxedUint, key: &Key) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(key.ours.modulus_len(), 0);
    bytes
}

#[test]
fn what_is_blinded_is_what_blind_rsa_signatures_blinds() {
    let [mut blinded, mut refused] = [0, 0];
    // Random moduli, prime factors unknown: a third of them is divisible by 3, so that some messages and factors have no
    // inverse. Those that issuers have never get there.
    for bits in (2048..=2120).chain((2121..=4096).step_by(97)).chain([3072, 4095, 4096]) {
        let one = BoxedUint::one_with_precision(bits);
        let n = BoxedUint::random_bits(&mut DefaultRng, bits) | &one | one.shl(bits - 1);
        let key = Key::of(RsaPublicKey::new(n, random_exponent()).unwrap());
        let (n, e) = (key.n(), key.theirs.as_ref().e());
        for factor in [one.clone(), n.wrapping_sub(&one)]
            .into_iter()
            .chain((0..3).map(|_| BoxedUint::random_mod_vartime(&mut DefaultRng, n)))
        {
            let (input, salt) = (random_input(), random_bytes::<48>().to_vec());
            let ours = blind(&key.ours, &input, &mut Replay::new([salt.clone(), drawn(&factor, &key)]));
            // Theirs draws another factor when it has no inverse; RFC 9474 ends there, and so do we.
            let expected = if factor.gcd(n.as_ref()) == one {
                key.theirs.blind(&mut Replay::new([salt, drawn(&factor, &key)]), input.as_bytes()).ok()
            } else {
                None
            };
            match expected {
                Some(expected) => {
                    let (token, inverse) = ours.unwrap();
                    for (ours, theirs) in
                        [(token.as_bytes(), expected.blind_message.0), (inverse.expose(), expected.secret.0)]
                    {
                        // Theirs are padded to whole words.
                        let (padding, theirs) = theirs.split_at(theirs.len() - key.ours.modulus_len());
                        assert_eq!(ours, theirs, "n {n}, e {e}, r {factor}");
                        assert!(padding.iter().all(|byte| *byte == 0));
                    }
                    blinded += 1;
                }
                None => {
                    assert!(matches!(ours, Err(Error::Internal(_))), "n {n}, e {e}, r {factor}");
                    refused += 1;
                }
            }
        }
    }
    assert!(blinded > 200 && refused > 20, "{blinded} blinded, {refused} refused");
}

#[test]
fn what_is_finalized_is_what_blind_rsa_signatures_finalizes() {
    // Whole words, natively of 64 bits: with other moduli theirs does not take its own signatures. tests/vectors/ has those.
    for (bits, e) in [(2048, 3_u64), (2048, 65_537), (2112, 0x1_ffff_fffd)] {
        let private = RsaPrivateKey::new_with_exp(&mut DefaultRng, bits, e.into()).unwrap();
        let key = Key::of(private.to_public_key());
        let private = SecretKey::<Sha384, PSS, Deterministic>::new(private);
        for _ in 0..5 {
            let input = random_input();
            let (token, inverse) = blind(&key.ours, &input, &mut DefaultRng).unwrap();
            let mut signature = private.blind_sign(token.as_bytes()).unwrap().0;
            let theirs = |signature: &[u8]| {
                let blinded = BlindingResult {
                    blind_message: BlindMessage(token.as_bytes().to_vec()),
                    secret: Secret(inverse.expose().to_vec()),
                    msg_randomizer: None,
                };
                key.theirs.finalize(&BlindSignature(signature.to_vec()), &blinded, input.as_bytes()).ok()
            };
            let ours = finalize(&key.ours, &input, &inverse, &signature).unwrap();
            assert_eq!(ours, theirs(&signature).unwrap().0);
            *signature.last_mut().unwrap() ^= 1;
            assert_eq!(finalize(&key.ours, &input, &inverse, &signature), Err(Error::BlindSignature));
            assert!(theirs(&signature).is_none());
        }
    }
}

#[test]
fn a_factor_is_drawn_again_until_it_is_between_0_and_the_modulus() {
    let n = BoxedUint::from_be_slice(&[0xc5; 257], 2050).unwrap();
    let key = Key::of(RsaPublicKey::new(n, 65_537_u32.into()).unwrap());
    let n = key.n();
    let one = BoxedUint::one_with_precision(n.bits_precision());
    // A message that is coprime to this modulus, which has small factors.
    let (input, salt, factor) = (TokenInput::new("1", "2", "3"), vec![1; 48], one.shl(2040));
    let zero = factor.wrapping_sub(&factor);
    let [zero, n, above, mut factor] =
        [&zero, n.as_ref(), &n.wrapping_add(&one), &factor].map(|number| drawn(number, &key));
    let expected = blind(&key.ours, &input, &mut Replay::new([salt.clone(), factor.clone()])).unwrap();
    // Bits beyond those of the modulus do not count.
    *factor.last_mut().unwrap() |= 0xfc;
    let found = blind(&key.ours, &input, &mut Replay::new([salt, zero, n, above, vec![0xff; 257], factor])).unwrap();
    assert_eq!(found, expected);
}
