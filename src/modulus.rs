//! Arithmetic modulo an issuer key's modulus: Montgomery products over words of 28 bits, whose products wasm adds up by the hundred
//! in 64 bits before anything is carried. Their time depends on the modulus alone. What is computed with is secret, and erased when
//! dropped.

use core::cell::Cell;
use core::iter;

use rsa::rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::inverse::{inverse_mod, Masks};

/// Bits of a word. The other four are zero.
pub(crate) const WORD_BITS: u32 = 28;
const WORD_MASK: u32 = (1 << WORD_BITS) - 1;

/// A number, as it is: words, the lowest first, as many as the modulus is given here.
pub(crate) type Number = Zeroizing<Vec<u32>>;

/// A number x in Montgomery form, x·R modulo n, but not always below n: below 2n. R is 2 to the power of the bits of its words.
#[derive(Clone)]
pub(crate) struct Form(Number);

/// The modulus n, and what is computed for it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Modulus {
    /// An even number of words, with two bits more than its bytes have: R is above 4n, so that products of what is below 2n are
    /// below 2n, and nothing has to be taken off in between (C. D. Walter, *Montgomery exponentiation needs no final
    /// subtractions*, 1999).
    n: Vec<u32>,
    /// −1/n modulo 2^28.
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
        let words = (8 * len + 2).div_ceil(2 * WORD_BITS as usize) * 2;
        let bits = 8 * len - bytes.first().map_or(0, |first| first.leading_zeros() as usize);
        let n = words_of(bytes.iter().rev(), words).to_vec();
        let negative_inverse = negative_inverse(n.first().copied().unwrap_or_default());
        let mut modulus = Self { n, negative_inverse, r_squared: Vec::new(), len, bits };
        // R modulo n is 2 to the power of R's bits; 28 more make the Montgomery form of 2^28, and so many of its powers R's.
        let two_to_28 = Form(Zeroizing::new(modulus.power_of_two(WORD_BITS as usize * (words + 1))));
        modulus.r_squared = modulus.power(&two_to_28, words as u64).0.to_vec();
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
        let lowest_first = repacked(number.iter().copied(), WORD_BITS, 8, self.len);
        lowest_first.iter().rev().map(|byte| *byte as u8).collect()
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
        let mut sums = Zeroizing::new(vec![0; self.n.len()]);
        for words in a.as_chunks::<2>().0.chunks(PAIRS_BETWEEN_CARRIES) {
            for pair in words {
                add_products(&mut sums, pair, b, &self.n, self.negative_inverse);
            }
            carry(&mut sums);
        }
        Zeroizing::new(sums.iter().map(|sum| *sum as u32).collect())
    }

    /// What is below 2n, below n.
    fn reduced(&self, number: Number) -> Number {
        let (mut less, borrow) = difference(&number, &self.n);
        let negative = Masks::new().negative(borrow);
        let mut sum = 0;
        for (word, n) in iter::zip(&mut *less, &self.n) {
            sum = (sum >> WORD_BITS) + i64::from(*word) + (i64::from(*n) & negative);
            *word = sum as u32 & WORD_MASK;
        }
        less
    }

    /// 2^exponent modulo n, for an exponent that is not below n's bits. In a time that depends on n.
    fn power_of_two(&self, exponent: usize) -> Vec<u32> {
        let mut power = vec![0; self.n.len()];
        let highest = self.bits - 1;
        if let Some(word) = power.get_mut(highest / WORD_BITS as usize) {
            *word = 1 << (highest % WORD_BITS as usize);
        }
        for _ in highest..exponent {
            let mut carry = 0;
            for word in &mut power {
                (*word, carry) = ((*word << 1 | carry) & WORD_MASK, *word >> (WORD_BITS - 1));
            }
            let (less, borrow) = difference(&power, &self.n);
            if borrow == 0 {
                power = less.to_vec();
            }
        }
        power
    }
}

/// How many pairs of words are added before sums are carried. Each of them adds four products to a sum, which begins as a word or
/// as what is carried into it.
const PAIRS_BETWEEN_CARRIES: usize = 63;
const _: () = assert!(4 * PAIRS_BETWEEN_CARRIES as u128 * (WORD_MASK as u128).pow(2) + (1 << 40) < 1 << 64);

/// Adds two words times `b` to the sums, and as many times `n` as make the two lowest of them zero; then takes these off.
///
/// Together the sums are below 2n + b before and after. Each is what belongs into its word, and what is to be carried.
///
/// Not with wasm's vectors (`i64x2.extmul_low_i32x4_u`): V8 unpacks both operands before each two products, which takes longer.
#[inline(never)]
fn add_products(sums: &mut [u64], &[low, high]: &[u32; 2], b: &[u32], n: &[u32], negative_inverse: u32) {
    let (low, high) = (u64::from(low), u64::from(high));
    let places = Cell::from_mut(sums.as_chunks_mut::<2>().0).as_slice_of_cells();
    let (Some((mut below, places)), Some(([b_first, b_second], b)), Some(([n_first, n_second], n))) =
        (places.split_first(), b.as_chunks::<2>().0.split_first(), n.as_chunks::<2>().0.split_first())
    else {
        return;
    };
    let (b_first, mut b_below) = (u64::from(*b_first), u64::from(*b_second));
    let (n_first, mut n_below) = (u64::from(*n_first), u64::from(*n_second));

    let [first, second] = below.get();
    let first = first + low * b_first;
    let low_times = u64::from((first as u32).wrapping_mul(negative_inverse) & WORD_MASK);
    let carried = (first + low_times * n_first) >> WORD_BITS;
    let second = second + low * b_below + high * b_first + low_times * n_below + carried;
    let high_times = u64::from((second as u32).wrapping_mul(negative_inverse) & WORD_MASK);
    let mut carried = (second + high_times * n_first) >> WORD_BITS;
    for ((place, [b_first, b_second]), [n_first, n_second]) in iter::zip(iter::zip(places, b), n) {
        let (b_first, b_second) = (u64::from(*b_first), u64::from(*b_second));
        let (n_first, n_second) = (u64::from(*n_first), u64::from(*n_second));
        let [first, second] = place.get();
        below.set([
            first + low * b_first + high * b_below + low_times * n_first + high_times * n_below + carried,
            second + low * b_second + high * b_first + low_times * n_second + high_times * n_first,
        ]);
        (below, b_below, n_below, carried) = (place, b_second, n_second, 0);
    }
    below.set([high * b_below + high_times * n_below + carried, 0]);
}

/// Leaves in each sum what belongs into its word.
#[inline(never)]
fn carry(sums: &mut [u64]) {
    let mut carried = 0;
    for sum in sums {
        carried += *sum;
        *sum = carried & u64::from(WORD_MASK);
        carried >>= WORD_BITS;
    }
}

/// a − b modulo R, and −1 when it is negative, or else 0.
fn difference(a: &[u32], b: &[u32]) -> (Number, i64) {
    let mut words = Zeroizing::new(vec![0; a.len()]);
    let mut borrow = 0;
    for ((word, a), b) in iter::zip(iter::zip(&mut *words, a), b) {
        let difference = i64::from(*a) - i64::from(*b) + borrow;
        *word = difference as u32 & WORD_MASK;
        borrow = difference >> WORD_BITS;
    }
    (words, borrow)
}

/// The words of bytes, the lowest first, filled up with zeros to so many.
fn words_of<'a>(bytes: impl Iterator<Item = &'a u8>, words: usize) -> Number {
    repacked(bytes.map(|byte| u32::from(*byte)), 8, WORD_BITS, words)
}

/// A number in `len` words of other bits, the lowest first, where it has room: with zeros above, or without.
pub(crate) fn repacked(mut words: impl Iterator<Item = u32>, from_bits: u32, to_bits: u32, len: usize) -> Number {
    let mut packed = Zeroizing::new(vec![0; len]);
    let (mut held, mut count) = (Zeroizing::new(0_u64), 0);
    for place in &mut *packed {
        while count < to_bits {
            *held |= u64::from(words.next().unwrap_or_default()) << count;
            count += from_bits;
        }
        *place = *held as u32 & ((1 << to_bits) - 1);
        *held >>= to_bits;
        count -= to_bits;
    }
    packed
}

/// −1/n modulo 2^32, and so modulo 2^28, for an odd n: each turn makes twice as many bits of 1/n right, of which the first one has
/// three.
fn negative_inverse(n: u32) -> u32 {
    (0..4).fold(n, |inverse, _| inverse.wrapping_mul(2_u32.wrapping_sub(n.wrapping_mul(inverse)))).wrapping_neg()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
#[path = "modulus/tests.rs"] // The bench has this file, too.
mod tests;
