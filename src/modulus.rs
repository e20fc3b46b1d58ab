//! Arithmetic modulo an issuer key's modulus, by the Montgomery products of `crypto-bigint`, whose time depends on the modulus
//! alone. What is computed with is secret, and erased when dropped.

use blind_rsa_signatures::reexports::crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use blind_rsa_signatures::reexports::crypto_bigint::{CtLt, MontyForm, MontyMultiplier};
use rsa::rand_core::CryptoRng;
use rsa::BoxedUint;
use zeroize::Zeroizing;

use crate::issuer_key::IssuerKey;

/// A number, as it is.
pub(crate) type Number = Zeroizing<BoxedUint>;
/// A number x in Montgomery form: x·R mod n, for R a power of two above n. The product of two numbers a and b is made
/// as a·b / R mod n.
pub(crate) type Form = Zeroizing<BoxedMontyForm>;

type Multiplier<'a> = <BoxedMontyForm as MontyForm>::Multiplier<'a>;

/// The modulus n.
pub(crate) struct Modulus<'a> {
    params: &'a BoxedMontyParams,
    len: usize,
}

impl<'a> Modulus<'a> {
    /// That of a key.
    pub(crate) fn of(key: &'a IssuerKey) -> Self {
        Self { params: key.params(), len: key.modulus_len() }
    }

    /// n itself.
    pub(crate) fn n(&self) -> &BoxedUint {
        self.params.modulus().as_ref()
    }

    /// How long it is, in bits.
    pub(crate) fn bits(&self) -> usize {
        self.n().bits_vartime() as usize
    }

    /// The number of these bytes, big-endian; `None` when there are more than n has. It may be n or greater.
    pub(crate) fn number(&self, bytes: &[u8]) -> Option<Number> {
        BoxedUint::from_be_slice(bytes, self.params.bits_precision()).ok().map(Zeroizing::new)
    }

    /// The bytes of a number, big-endian, as many as n has.
    pub(crate) fn bytes(&self, number: &BoxedUint) -> Vec<u8> {
        // Padded to whole limbs.
        let bytes = Zeroizing::new(number.to_be_bytes());
        bytes.get(bytes.len().saturating_sub(self.len)..).unwrap_or_default().to_vec()
    }

    /// A number from 1 to n − 1, each as likely as the others. `rng` is asked for as many bytes as n has, the lowest first and
    /// bits beyond n's ignored, until they are such a number.
    pub(crate) fn random<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Number {
        let mut bytes = Zeroizing::new(vec![0; self.len]);
        loop {
            rng.fill_bytes(&mut bytes);
            if let Some(highest) = bytes.last_mut() {
                *highest &= 0xff >> (8 * self.len - self.bits());
            }
            let number = Zeroizing::new(BoxedUint::from_le_slice_truncated(&bytes, self.params.bits_precision()));
            if bool::from(number.is_nonzero() & number.ct_lt(self.n())) {
                return number;
            }
        }
    }

    /// The Montgomery form of a number.
    pub(crate) fn form(&self, number: &BoxedUint) -> Form {
        Zeroizing::new(BoxedMontyForm::new(number.clone(), self.params))
    }

    /// The product of a number as it is and one in Montgomery form, as it is: a · bR / R.
    pub(crate) fn times(&self, a: &BoxedUint, b: &BoxedMontyForm) -> Number {
        let mut product = BoxedMontyForm::from_montgomery(a.clone(), self.params);
        Multiplier::from(self.params).mul_assign(&mut product, b);
        Zeroizing::new(product.into_montgomery())
    }

    /// `base` to the power of `exponent`, which is public and not zero: bit by bit, from the highest one.
    pub(crate) fn power(&self, base: &Form, exponent: u64) -> Form {
        let (mut multiplier, mut power) = (Multiplier::from(self.params), base.clone());
        for bit in (0..exponent.ilog2()).rev() {
            multiplier.square_assign(&mut power);
            if exponent >> bit & 1 == 1 {
                multiplier.mul_assign(&mut power, base);
            }
        }
        power
    }
}
