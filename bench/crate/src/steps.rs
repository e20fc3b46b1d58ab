//! The steps of blinding and finalizing, each alone, and what others take in their place. All over the numbers of one key:
//! what is measured is the arithmetic, and the results are thrown away.

use std::hint::black_box;

use blind_rsa_signatures::{HashAlgorithm, Sha384};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Gcd, MontyForm, MontyMultiplier, NonZero, RandomMod};
use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;
use rsa::traits::PublicKeyParts;
use rsa::RsaPublicKey;

use crate::read_key;

// The package's own.
#[path = "../../../src/inverse.rs"]
mod inverse;
#[path = "../../../src/pss.rs"]
mod pss;

/// Everything that the steps start from.
pub struct Steps {
    spki: Vec<u8>,
    public: RsaPublicKey,
    n: NonZero<BoxedUint>,
    message: Vec<u8>,
    signature: Vec<u8>,
    /// The message, encoded.
    m: BoxedUint,
    r: BoxedUint,
    m_form: BoxedMontyForm,
    r_form: BoxedMontyForm,
}

type Step = fn(&Steps);

/// By name; the names and what they mean stand in bench/lib/steps.mjs too.
pub const STEPS: &[(&str, Step)] = &[
    // What the package does.
    ("parse", |s| drop(black_box(read_key(&s.spki)))),
    ("montgomery", |s| drop(black_box(BoxedMontyParams::new(s.public.n_params().modulus().clone())))),
    ("hash", |s| drop(black_box(Sha384::hash_message(None, &s.message)))),
    ("encode", |s| drop(black_box(pss::encode(&s.message, &[7; 48], s.n.bits() as usize - 1)))),
    ("random", |s| drop(black_box(BoxedUint::random_mod_vartime(&mut UnwrapErr(SysRng), &s.n)))),
    ("inverse", |s| drop(black_box(inverse::inverse_mod(&s.r, s.n.as_ref())).expect("coprime to n"))),
    ("squarings", |s| {
        let mut multiplier = <BoxedMontyForm as MontyForm>::Multiplier::from(s.public.n_params());
        let mut power = s.r_form.clone();
        (0..16).for_each(|_| multiplier.square_assign(&mut power));
        multiplier.mul_assign(&mut power, &s.r_form);
        drop(black_box(power));
    }),
    ("montgomery_mul", |s| drop(black_box(s.m_form.mul(&s.r_form)))),
    ("montgomery_form", |s| drop(black_box(BoxedMontyForm::new(s.r.clone(), s.public.n_params())))),
    ("verify", |s| {
        let signature = rsa::pss::Signature::try_from(s.signature.as_slice()).expect("as long as the modulus");
        let hash = Sha384::hash_message(None, &s.message);
        black_box(Sha384::verify_prehash(&s.public, 48, &hash, &signature)).expect("a signature that verifies");
    }),
    // What blind-rsa-signatures does in their place.
    ("gcd", |s| drop(black_box(s.m.gcd(s.n.as_ref())))),
    ("invert", |s| drop(black_box(s.r.invert_mod(&s.n)))),
    ("pow64", |s| drop(black_box(BoxedMontyForm::new(s.r.clone(), s.public.n_params()).pow(s.public.e()).retrieve()))),
    ("mul_mod", |s| drop(black_box(s.m.mul_mod(&s.r, &s.n)))),
    // What could stand in their place.
    ("reduction", |s| drop(black_box(s.r_form.retrieve()))),
];

impl Steps {
    /// `signature`: one of `message` under the key.
    pub fn new(spki: &[u8], message: &[u8], signature: &[u8]) -> Self {
        let key = read_key(spki);
        let public: RsaPublicKey = key.as_ref().clone();
        let n = public.n().clone();
        let precision = n.bits_precision();
        let encoded = pss::encode(message, &[7; 48], n.bits() as usize - 1).expect("a modulus that is long enough");
        let m = BoxedUint::from_be_slice(&encoded, precision).expect("below the modulus");
        let r = BoxedUint::random_mod_vartime(&mut UnwrapErr(SysRng), &n);
        let form = |number: &BoxedUint| BoxedMontyForm::new(number.clone(), public.n_params());
        Self {
            spki: spki.to_vec(),
            message: message.to_vec(),
            signature: signature.to_vec(),
            m_form: form(&m),
            r_form: form(&r),
            public,
            n,
            m,
            r,
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
