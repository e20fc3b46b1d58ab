//! Arithmetic modulo an issuer key's modulus: Montgomery products over words of 32 bits, which wasm multiplies well. Their time
//! depends on the modulus alone. What is computed with is secret, and erased when dropped.

use core::cell::Cell;
use core::iter;

use rsa::rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::inverse::{inverse_mod, Masks};

/// A number, as it is: words, the lowest first, as many as the modulus is given here.
pub(crate) type Number = Zeroizing<Vec<u32>>;

/// A number x in Montgomery form, x·R modulo n, but not always below n: below 2n. R is 2 to the power of the bits of its words.
#[derive(Clone)]
pub(crate) struct Form(Number);

/// The modulus n, and what is computed for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modulus {
    /// With two bits more than its bytes have: R is above 4n, so that products of what is below 2n are below 2n, and nothing has
    /// to be taken off in between (C. D. Walter, *Montgomery exponentiation needs no final subtractions*, 1999).
    n: Vec<u32>,
    /// −1/n modulo 2^32.
    negative_inverse: u32,
    /// R² modulo n.
    r_squared: Vec<u32>,
    /// In bytes.
    len: usize,
    bits: usize,
}

impl Modulus {
    /// Of an odd number above 1, big-endian, without zeros in front.
    pub(crate) fn new(bytes: &[u8]) -> Self {
        let len = bytes.len();
        let words = (8 * len + 2).div_ceil(32);
        let bits = 8 * len - bytes.first().map_or(0, |first| first.leading_zeros() as usize);
        let n = words_of(bytes.iter().rev(), words).to_vec();
        let negative_inverse = negative_inverse(n.first().copied().unwrap_or_default());
        let mut modulus = Self { n, negative_inverse, r_squared: Vec::new(), len, bits };
        // R modulo n is 2 to the power of R's bits; 32 more make the Montgomery form of 2^32, and so many of its powers R's.
        let two_to_32 = Form(Zeroizing::new(modulus.power_of_two(32 * words + 32)));
        modulus.r_squared = modulus.power(&two_to_32, words as u64).0.to_vec();
        modulus
    }

    /// How long it is, in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How long it is, in bits.
    pub(crate) fn bits(&self) -> usize {
        self.bits
    }

    /// The number of these bytes, big-endian; `None` when there are more than n has. It may be n or greater.
    pub(crate) fn number(&self, bytes: &[u8]) -> Option<Number> {
        (bytes.len() <= self.len).then(|| words_of(bytes.iter().rev(), self.n.len()))
    }

    /// The bytes of a number, big-endian, as many as n has.
    pub(crate) fn bytes(&self, number: &Number) -> Vec<u8> {
        let mut bytes = vec![0; self.len];
        let lowest_first = number.iter().flat_map(|word| word.to_le_bytes());
        iter::zip(bytes.iter_mut().rev(), lowest_first).for_each(|(byte, value)| *byte = value);
        bytes
    }

    /// A number from 1 to n − 1, each as likely as the others. `rng` is asked for as many bytes as n has, the lowest first and
    /// bits beyond n's ignored, until they are such a number.
    pub(crate) fn random<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> Number {
        let mut bytes = Zeroizing::new(vec![0; self.len]);
        loop {
            rng.fill_bytes(&mut bytes);
            if let Some(highest) = bytes.last_mut() {
                *highest &= 0xff >> (8 * self.len - self.bits);
            }
            let number = words_of(bytes.iter(), self.n.len());
            // What is not taken is thrown away, so that it may be known why.
            let zero = number.iter().fold(0, |any, word| any | word) == 0;
            if !zero && difference(&number, &self.n).1 < 0 {
                return number;
            }
        }
    }

    /// The Montgomery form of a number of as many bytes as n has, which may be n or greater.
    pub(crate) fn form(&self, number: &Number) -> Form {
        Form(self.product(number, &self.r_squared))
    }

    /// The product of a number as it is and one in Montgomery form, as it is: a · bR / R.
    pub(crate) fn times(&self, a: &Number, b: &Form) -> Number {
        self.reduced(self.product(a, &b.0))
    }

    /// A number in Montgomery form, as it is.
    pub(crate) fn number_of(&self, form: &Form) -> Number {
        let one = iter::once(1).chain(iter::repeat_n(0, self.n.len() - 1));
        self.times(&Zeroizing::new(one.collect()), form)
    }

    /// `base` to the power of `exponent`, which is public and not zero: bit by bit, from the highest one.
    pub(crate) fn power(&self, base: &Form, exponent: u64) -> Form {
        let mut power = base.clone();
        for bit in (0..exponent.ilog2()).rev() {
            power = Form(self.product(&power.0, &power.0));
            if exponent >> bit & 1 == 1 {
                power = Form(self.product(&power.0, &base.0));
            }
        }
        power
    }

    /// The inverse of a number below n, if it has one. See [`inverse_mod`].
    pub(crate) fn inverse(&self, number: &Number) -> Option<Number> {
        inverse_mod(number, &self.n, self.bits as u32)
    }

    /// a·b / R modulo n, below 2n: for a·b below nR, which holds for two numbers below 2n, and for one below 2n and one of as
    /// many bytes as n has.
    fn product(&self, a: &[u32], b: &[u32]) -> Number {
        let mut sum = Zeroizing::new(vec![0; self.n.len()]);
        for word in a {
            add_product(&mut sum, *word, b, &self.n, self.negative_inverse);
        }
        sum
    }

    /// What is below 2n, below n.
    fn reduced(&self, number: Number) -> Number {
        let (mut less, borrow) = difference(&number, &self.n);
        let negative = Masks::new().negative(borrow);
        let mut sum = 0;
        for (word, n) in iter::zip(&mut *less, &self.n) {
            sum = (sum >> 32) + i64::from(*word) + (i64::from(*n) & negative);
            *word = sum as u32;
        }
        less
    }

    /// 2^exponent modulo n, for an exponent that is not below n's bits. In a time that depends on n.
    fn power_of_two(&self, exponent: usize) -> Vec<u32> {
        let mut power = vec![0; self.n.len()];
        let highest = self.bits - 1;
        if let Some(word) = power.get_mut(highest / 32) {
            *word = 1 << (highest % 32);
        }
        for _ in highest..exponent {
            let mut carry = 0;
            for word in &mut power {
                (*word, carry) = (*word << 1 | carry, *word >> 31);
            }
            let (less, borrow) = difference(&power, &self.n);
            if borrow == 0 {
                power = less.to_vec();
            }
        }
        power
    }
}

/// Adds `word` times `b` to the sum, and as many times `n` as make its lowest word zero; then takes that word off.
///
/// The sum is below 2n + b before and after, whose words are those of n.
#[inline(never)]
fn add_product(sum: &mut [u32], word: u32, b: &[u32], n: &[u32], negative_inverse: u32) {
    let word = u64::from(word);
    let lowest = |words: &[u32]| words.first().map_or(0, |lowest| u64::from(*lowest));
    let times = u64::from(((lowest(sum) + word * lowest(b)) as u32).wrapping_mul(negative_inverse));
    let (mut carry_b, mut carry_n) = (0, 0);
    let mut below: &Cell<u32> = &Cell::default();
    for ((place, b), n) in iter::zip(iter::zip(Cell::from_mut(sum).as_slice_of_cells(), b), n) {
        let with_b = u64::from(place.get()) + word * u64::from(*b) + carry_b;
        let with_n = (with_b & 0xffff_ffff) + times * u64::from(*n) + carry_n;
        (carry_b, carry_n) = (with_b >> 32, with_n >> 32);
        below.set(with_n as u32);
        below = place;
    }
    below.set((carry_b + carry_n) as u32);
}

/// a − b modulo R, and −1 when it is negative, or else 0.
fn difference(a: &[u32], b: &[u32]) -> (Number, i64) {
    let mut words = Zeroizing::new(vec![0; a.len()]);
    let mut borrow = 0;
    for ((word, a), b) in iter::zip(iter::zip(&mut *words, a), b) {
        let difference = i64::from(*a) - i64::from(*b) + borrow;
        *word = difference as u32;
        borrow = difference >> 32;
    }
    (words, borrow)
}

/// The words of bytes, the lowest first, filled up with zeros to so many.
fn words_of<'a>(bytes: impl Iterator<Item = &'a u8>, words: usize) -> Number {
    let mut number = Zeroizing::new(vec![0; words]);
    for (at, byte) in bytes.enumerate() {
        if let Some(word) = number.get_mut(at / 4) {
            *word |= u32::from(*byte) << (8 * (at % 4));
        }
    }
    number
}

/// −1/n modulo 2^32, for an odd n: each turn makes twice as many bits of 1/n right, of which the first one has three.
fn negative_inverse(n: u32) -> u32 {
    (0..4).fold(n, |inverse, _| inverse.wrapping_mul(2_u32.wrapping_sub(n.wrapping_mul(inverse)))).wrapping_neg()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "modulus/tests.rs"] // The bench has this file, too.
mod tests;
