//! The steps of blinding and finalizing, each alone, and what could stand in their place. All over the numbers
//! of one key: what is measured is the arithmetic, and the results are thrown away.

use std::hint::black_box;

use blind_rsa_signatures::{HashAlgorithm, Sha384};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Gcd, NonZero, RandomMod};
use getrandom::rand_core::UnwrapErr;
use getrandom::SysRng;
use rsa::traits::PublicKeyParts;
use rsa::RsaPublicKey;

use crate::read_key;

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
    // What blind-rsa-signatures does.
    ("parse", |s| drop(black_box(read_key(&s.spki)))),
    ("montgomery", |s| drop(black_box(BoxedMontyParams::new(s.public.n_params().modulus().clone())))),
    ("hash", |s| drop(black_box(Sha384::hash_message(None, &s.message)))),
    ("encode", |s| {
        drop(black_box(emsa_pss(&Sha384::hash_message(None, &s.message), &[7; 48], s.n.bits() as usize - 1)))
    }),
    ("gcd", |s| drop(black_box(s.m.gcd(s.n.as_ref())))),
    ("random", |s| drop(black_box(BoxedUint::random_mod_vartime(&mut UnwrapErr(SysRng), &s.n)))),
    ("invert", |s| drop(black_box(s.r.invert_mod(&s.n)))),
    ("pow64", |s| drop(black_box(BoxedMontyForm::new(s.r.clone(), s.public.n_params()).pow(s.public.e()).retrieve()))),
    ("mul_mod", |s| drop(black_box(s.m.mul_mod(&s.r, &s.n)))),
    ("verify", |s| {
        let signature = rsa::pss::Signature::try_from(s.signature.as_slice()).expect("as long as the modulus");
        let hash = Sha384::hash_message(None, &s.message);
        black_box(Sha384::verify_prehash(&s.public, 48, &hash, &signature)).expect("a signature that verifies");
    }),
    // What could stand in their place.
    ("pow17", |s| {
        let form = BoxedMontyForm::new(s.r.clone(), s.public.n_params());
        drop(black_box(form.pow_bounded_exp(s.public.e(), s.public.e().bits()).retrieve()));
    }),
    ("squarings", |s| {
        let form = BoxedMontyForm::new(s.r.clone(), s.public.n_params());
        let power = (0..16).fold(form.clone(), |power, _| power.square());
        drop(black_box(power.mul(&form).retrieve()));
    }),
    ("invert_vartime", |s| drop(black_box(s.r_form.invert_vartime()))),
    ("montgomery_mul", |s| drop(black_box(s.m_form.mul(&s.r_form)))),
    ("montgomery_form", |s| drop(black_box(BoxedMontyForm::new(s.r.clone(), s.public.n_params())))),
];

impl Steps {
    /// `signature`: one of `message` under the key.
    pub fn new(spki: &[u8], message: &[u8], signature: &[u8]) -> Self {
        let key = read_key(spki);
        let public: RsaPublicKey = key.as_ref().clone();
        let n = public.n().clone();
        let precision = n.bits_precision();
        let encoded = emsa_pss(&Sha384::hash_message(None, message), &[7; 48], n.bits() as usize - 1);
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

/// EMSA-PSS-ENCODE (RFC 8017 section 9.1.1) with SHA-384 and MGF1.
fn emsa_pss(hash: &[u8], salt: &[u8], bits: usize) -> Vec<u8> {
    let len = bits.div_ceil(8);
    let h = Sha384::hash_message(Some(&[0; 8]), &[hash, salt].concat());
    let db_len = len - h.len() - 1;
    let mut encoded = vec![0; len];
    encoded[db_len - salt.len() - 1] = 1;
    encoded[db_len - salt.len()..db_len].copy_from_slice(salt);
    for (counter, chunk) in encoded[..db_len].chunks_mut(h.len()).enumerate() {
        let mask = Sha384::hash_message(Some(&h), &(counter as u32).to_be_bytes());
        chunk.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    }
    encoded[0] &= 0xff >> (8 * len - bits);
    encoded[db_len..len - 1].copy_from_slice(&h);
    encoded[len - 1] = 0xbc;
    encoded
}
