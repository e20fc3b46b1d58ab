//! The steps of blinding and finalizing, each alone, and what others take in their place. All over the numbers of one key:
//! what is measured is the arithmetic, and the results are thrown away.

use std::hint::black_box;

use blind_rsa_signatures::{HashAlgorithm, Sha384};
use crypto_bigint::modular::BoxedMontyForm;
use crypto_bigint::{BoxedUint, Gcd, NonZero, RandomMod};
use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;
use rsa::traits::PublicKeyParts;
use rsa::RsaPublicKey;

use crate::modulus::{Form, Modulus, Number};
use crate::{pss, read_key};

/// Everything that the steps start from: as the package has it, and as the library.
pub struct Steps {
    message: Vec<u8>,
    signature: Vec<u8>,
    modulus: Modulus,
    modulus_bytes: Vec<u8>,
    /// The message, encoded.
    encoded: Vec<u8>,
    number: Number,
    form: Form,
    spki: Vec<u8>,
    public: RsaPublicKey,
    n: NonZero<BoxedUint>,
    m: BoxedUint,
    r: BoxedUint,
}

type Step = fn(&Steps);

/// By name; the names and what they mean stand in bench/lib/steps.mjs too.
pub const STEPS: &[(&str, Step)] = &[
    // What the package does.
    ("modulus", |s| drop(black_box(Modulus::new(&s.modulus_bytes)))),
    ("encode", |s| drop(black_box(pss::encode(&s.message, &[7; 48], s.modulus.bits() - 1)))),
    ("random", |s| drop(black_box(s.modulus.random(&mut UnwrapErr(SysRng))))),
    ("inverse", |s| drop(black_box(s.modulus.inverse(&s.number)).expect("coprime to n"))),
    ("power", |s| drop(black_box(s.modulus.power(&s.form, 65_537)))),
    ("form", |s| drop(black_box(s.modulus.form(&s.number)))),
    ("times", |s| drop(black_box(s.modulus.times(&s.number, &s.form)))),
    ("decode", |s| assert!(black_box(pss::verify(&s.message, &s.encoded, s.modulus.bits() - 1)))),
    // What blind-rsa-signatures does in their place.
    ("parse", |s| drop(black_box(read_key(&s.spki)))),
    ("gcd", |s| drop(black_box(s.m.gcd(s.n.as_ref())))),
    ("invert", |s| drop(black_box(s.r.invert_mod(&s.n)))),
    ("pow64", |s| drop(black_box(BoxedMontyForm::new(s.r.clone(), s.public.n_params()).pow(s.public.e()).retrieve()))),
    ("mul_mod", |s| drop(black_box(s.m.mul_mod(&s.r, &s.n)))),
    ("verify", |s| {
        let signature = rsa::pss::Signature::try_from(s.signature.as_slice()).expect("as long as the modulus");
        let hash = Sha384::hash_message(None, &s.message);
        black_box(Sha384::verify_prehash(&s.public, 48, &hash, &signature)).expect("a signature that verifies");
    }),
];

impl Steps {
    /// `signature`: one of `message` under the key.
    pub fn new(spki: &[u8], message: &[u8], signature: &[u8]) -> Self {
        let key = read_key(spki);
        let public: RsaPublicKey = key.as_ref().clone();
        let n = public.n().clone();
        let modulus_bytes = n.to_be_bytes().to_vec();
        let modulus = Modulus::new(&modulus_bytes);
        let encoded =
            pss::encode(message, &[7; 48], modulus.bits() - 1).expect("a modulus that is long enough").to_vec();
        let number = modulus.random(&mut UnwrapErr(SysRng));
        Self {
            message: message.to_vec(),
            signature: signature.to_vec(),
            form: modulus.form(&number),
            m: BoxedUint::from_be_slice(&encoded, n.bits_precision()).expect("below the modulus"),
            r: BoxedUint::random_mod_vartime(&mut UnwrapErr(SysRng), &n),
            modulus,
            modulus_bytes,
            encoded,
            number,
            spki: spki.to_vec(),
            public,
            n,
        }
    }

    /// Does one step so many times.
    pub fn run(&self, name: &str, times: u32) {
        let (_, step) = STEPS.iter().find(|(known, _)| *known == name).expect("a step that there is");
        for _ in 0..times {
            step(black_box(self));
        }
    }
}
